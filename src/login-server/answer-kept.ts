import { announcesContent } from '../http/content-length.ts';
import { cutTarget, type RawRequest } from '../listener/door-request.ts';
import { parseRoute } from '../oci/route.ts';
import { subjectOf } from './ask-manifest.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { isAnsweredFor } from './namespace.ts';
import type { Asked, PreparedManifest } from './prepared-manifests.ts';
import { sendManifest } from './send-manifest.ts';

export type AnswerKeptDeps = Pick<
  LoginServerDeps,
  | 'registry'
  | 'clients'
  | 'manifests'
  | 'manifestDecisions'
  | 'preparedManifests'
  | 'repositoryRules'
  | 'metrics'
>;

/**
 * Answers what needs nobody: a manifest by digest that is in memory, where it is known that this caller may have it (C1). Clients ask for
 * little else, so the way to it is short, and what follows from the request's text alone is worked out once
 * (docs/adr/0024-kept-answers.md). Whether the caller may have it, and that it is still there, is looked up each time.
 *
 * The function returned says whether it has answered. Where not, it has done nothing, and everything is still to be done.
 */
export function createAnswerKept(deps: AnswerKeptDeps): (asked: RawRequest) => boolean {
  const { registry, manifests, manifestDecisions, preparedManifests, metrics } = deps;

  /** Undefined: not for a manifest by digest, or one that is refused or asked for elsewhere. */
  function prepare(asked: Asked): PreparedManifest | undefined {
    const { target, accept, authorization } = asked;
    const { path, query } = cutTarget(target);
    const route = parseRoute(path);
    if (route.kind !== 'manifest' || route.reference.kind === 'tag') return undefined;
    const { repository, reference } = route;
    if (!isAnsweredFor(query, registry) || !deps.repositoryRules.isOpen(repository)) return undefined;
    const { digest } = reference;
    const copy = manifests.get(registry.name, digest);
    if (copy === undefined) return undefined;
    const { length } = copy.content;
    const subject = subjectOf(accept, route, { authorization }, deps);
    return {
      repository,
      digest,
      name: manifestDecisions.name(subject, registry.publicProbe),
      // As `contentOf`; all copies of one digest have one length.
      serves: (answer) => answer.kind === 'manifest' && answer.digest === digest && answer.length === length,
    };
  }

  return ({ request, response, context }) => {
    const { method, headers } = request;
    // Who has a policy of its own has to be asked.
    if (deps.clients !== undefined || (method !== 'GET' && method !== 'HEAD')) return false;
    if (announcesContent(headers)) return false;
    const target = request.url ?? '';
    if (!mayNameDigest(target)) return false;
    const asked = { target, accept: headers.accept, authorization: headers.authorization };
    const key = preparedManifests.key(asked);
    if (key === undefined) return false;
    const before = preparedManifests.get(key);
    const prepared = before ?? prepare(asked);
    if (prepared === undefined) return false;
    const { repository, digest, name, serves } = prepared;
    const copy = manifests.get(registry.name, digest);
    if (copy === undefined) return false;
    const answer = manifestDecisions.known(name, serves)?.value;
    if (answer?.kind !== 'manifest') return false;
    if (before === undefined) preparedManifests.set(key, prepared);
    metrics.manifestCacheRequests.inc({ result: 'hit' });
    const { access } = context;
    access.route = 'manifest';
    access.repository = repository;
    access.reference = digest;
    access.digest = digest;
    access.cache = 'hit';
    sendManifest(request, response, context.requestId, answer, copy.content);
    return true;
  };
}

/** Whether it is worth a closer look: of a manifest, and not by a tag, which has no colon. A digest whose colon is encoded goes the long way. */
function mayNameDigest(target: string): boolean {
  const at = target.indexOf('/manifests/');
  return at !== -1 && target.includes(':', at);
}
