import { hash } from 'node:crypto';
import type { StoredManifest } from '../cache/manifest-store.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference } from '../oci/reference.ts';
import type { Route } from '../oci/route.ts';
import { limitKey } from '../policy/limit-key.ts';
import { bytesOf } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { Question, Subject, Verdict } from './decisions.ts';
import { type FetchedManifest, fetchManifest, headManifest } from './fetch-manifest.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import type { KnownManifest, ManifestAnswer } from './manifest-answer.ts';

export type ManifestRoute = Extract<Route, { kind: 'manifest' }>;

export type AskedManifest = {
  readonly answer: ManifestAnswer;
  /** Where it is at hand: memory may be too small for it. */
  readonly content: Buffer | undefined;
  /** Unix milliseconds; the answer is from then, as the upstream can not be asked (C10). */
  readonly staleSince: number | undefined;
};

/**
 * A manifest asked for by digest, where it is known whether this caller may have it: nobody is asked then, and this is how nearly
 * all requests for one end. Undefined: it is to be asked for.
 */
export function findManifest(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): AskedManifest | undefined {
  const { reference } = route;
  // What a tag stands for is not kept.
  if (reference.kind === 'tag') return undefined;
  const subject = subjectOf(call.request.raw.headers.accept, route, caller, deps);
  const verdict = deps.manifestDecisions.known(
    deps.manifestDecisions.name(subject, deps.registry.publicProbe),
  );
  if (verdict === undefined) return undefined;
  const answer = verdict.value;
  const copy = deps.manifests.get(deps.registry.name, reference.digest);
  const hasCopy = copy !== undefined;
  count(call, digestResult(hasCopy, hasCopy || call.request.raw.method === 'HEAD'), verdict, deps);
  const isOf = answer.kind === 'manifest' && answer.digest === reference.digest;
  return { answer, content: isOf ? contentOf(answer, copy) : undefined, staleSince: undefined };
}

/**
 * The copy's content, where the upstream's word is on that: what was allowed by HEAD, maybe before there was a copy, may have been
 * an error document with 200 (C12).
 */
export function contentOf({ length }: KnownManifest, copy: StoredManifest | undefined): Buffer | undefined {
  return copy?.content.length === length ? copy.content : undefined;
}

/**
 * One decision of the upstream. For a digest it is kept; it comes by HEAD where there is a copy (no pull is counted), by GET
 * where there is none (C1). A tag may have moved, so it is asked for each time, and only shared by who asks at once (C2, C9).
 */
export async function askManifest(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<AskedManifest> {
  const { registry, upstream } = deps;
  const { repository, reference } = route;
  const isTag = reference.kind === 'tag';
  const hasCopy = !isTag && isKept(reference.digest, deps);
  const byHead = isTag || hasCopy || call.request.raw.method === 'HEAD';
  let content: Buffer | undefined;
  const ask = async (
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<ManifestAnswer>> => {
    const asked = { ...manifestQuestion(call, deps), authorization, signal };
    const headed = byHead ? await headManifest(asked, reference, deps) : undefined;
    if (headed !== undefined) return verdictOf(headed);
    const fetched = await fetchManifest(asked, reference, deps);
    if (fetched.kind === 'answer') return verdictOf(fetched);
    ({ content } = fetched.manifest);
    return verdictOf(describe(fetched.manifest));
  };
  const { staleIfErrorSeconds: seconds } = registry;
  const asking: Question<ManifestAnswer> = {
    ...subjectOf(call.request.raw.headers.accept, route, caller, deps),
    ttlSeconds: isTag ? 0 : registry.authorizationTtlSeconds,
    readOnly: !registry.push,
    // What a tag stands for may depend on who asks, and where anybody may have it is only of use where it is kept.
    probe:
      registry.publicProbe && !isTag
        ? async (signal) => ask(await upstream.anonymousAuthorization(repository, signal), signal)
        : undefined,
    ask: (signal) => ask(caller.authorization, signal),
    stale:
      seconds === 0
        ? undefined
        : { seconds, usable: (value) => value.kind === 'manifest' && isKept(value.digest, deps) },
  };
  let verdict: Verdict<ManifestAnswer> | undefined;
  try {
    verdict = await deps.manifestDecisions.decide(asking, call.context.signal);
    const staleSince = verdict.kind === 'allowed' ? verdict.staleSince : undefined;
    return { answer: verdict.value, content, staleSince };
  } finally {
    count(
      call,
      isTag ? tagResult(verdict?.value, content, deps) : digestResult(hasCopy, byHead),
      verdict,
      deps,
    );
  }
}

/**
 * The content of what the caller may have and memory has not: fetched once for all that ask at once, since it is proved by its
 * digest, whoever asked (C9). Only what the first one's credentials are answered instead is for that one alone.
 */
export async function fetchAllowed(
  call: DoorRequest,
  { repository, reference }: ManifestRoute,
  { digest }: KnownManifest,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<FetchedManifest> {
  const { signal } = call.context;
  const fetch = (shared: AbortSignal): Promise<FetchedManifest> => {
    const { authorization } = caller;
    return fetchManifest({ ...manifestQuestion(call, deps), authorization, signal: shared }, reference, deps);
  };
  const key = JSON.stringify([
    repository,
    formatReference(reference),
    digest,
    hashOf(call.request.raw.headers.accept),
  ]);
  const { value, collapsed } = await deps.manifestFetches.run(key, fetch, signal);
  const isDecided = value.kind === 'manifest' && value.manifest.digest === digest;
  return collapsed && !isDecided ? fetch(signal) : value;
}

export function describe({ digest, mediaType, content }: StoredManifest): KnownManifest {
  return { kind: 'manifest', digest, mediaType, length: content.length };
}

/**
 * What the upstream is asked about a manifest. Only the fields that the answer depends on, and no query: it may be kept for other
 * callers, so nothing else may have a say in it (some registries take an API key in a field of its own). Uncoded, since the
 * digest is of those bytes.
 */
function manifestQuestion(call: DoorRequest, { clientRegions }: LoginServerDeps) {
  const { accept, 'user-agent': userAgent } = call.request.raw.headers;
  const headers = { accept, 'user-agent': userAgent, 'accept-encoding': 'identity' };
  const { clientAddress } = call.context;
  return { path: call.path, headers, client: limitKey(clientAddress), region: clientRegions(clientAddress) };
}

/** What a caller's right to a manifest is kept under. `accept`: the request's field. */
export function subjectOf(
  accept: string | undefined,
  { repository, reference }: Pick<ManifestRoute, 'repository' | 'reference'>,
  { authorization }: Pick<Caller, 'authorization'>,
  { registry }: Pick<LoginServerDeps, 'registry'>,
): Subject {
  const subject = `${reference.kind === 'tag' ? 'tag' : 'manifest'} ${formatReference(reference)} ${hashOf(accept)}`;
  return { registry: registry.name, repository, subject, authorization };
}

function hashOf(accept: string | undefined): string {
  return hash('sha256', accept ?? '', 'base64url');
}

function isKept(digest: Digest, deps: LoginServerDeps): boolean {
  return deps.manifests.get(deps.registry.name, digest) !== undefined;
}

type CacheResult = 'hit' | 'miss' | 'bypass' | 'stale';

function digestResult(hasCopy: boolean, byHead: boolean): CacheResult {
  if (hasCopy) return 'hit';
  return byHead ? 'bypass' : 'miss';
}

function tagResult(
  answer: ManifestAnswer | undefined,
  content: Buffer | undefined,
  deps: LoginServerDeps,
): CacheResult {
  return answer?.kind === 'manifest' && content === undefined && isKept(answer.digest, deps) ? 'hit' : 'miss';
}

function count(
  call: DoorRequest,
  otherwise: CacheResult,
  verdict: Verdict<ManifestAnswer> | undefined,
  deps: LoginServerDeps,
): void {
  const isStale = verdict?.kind === 'allowed' && verdict.staleSince !== undefined;
  const result = isStale ? 'stale' : otherwise;
  call.context.access.cache = result;
  deps.metrics.manifestCacheRequests.inc({ result });
}

function verdictOf(answer: ManifestAnswer): Verdict<ManifestAnswer> {
  return answer.kind === 'manifest'
    ? { kind: 'allowed', value: answer }
    : {
        kind: 'refused',
        status: answer.answer.status,
        value: answer,
        bytes: bytesOf(answer.answer),
      };
}
