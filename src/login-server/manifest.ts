import type { StoredManifest } from '../cache/manifest-store.ts';
import { matchesEntityTag } from '../http/entity-tag.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { Digest } from '../oci/digest.ts';
import type { Route } from '../oci/route.ts';
import { upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { Verdict } from './decisions.ts';
import { fetchManifest, headManifest } from './fetch-manifest.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import type { ManifestAnswer } from './manifest-answer.ts';
import { sendBounded } from './send-answer.ts';

type ManifestRoute = Extract<Route, { kind: 'manifest' }>;

/** end-3, GET and HEAD (C1–C4): from memory where the upstream lets this caller have it, else from the upstream. */
export async function answerManifest(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const answer =
    route.reference.kind === 'digest'
      ? await askByDigest(call, route, route.reference.digest, caller, deps)
      : await askByTag(call, route, caller, deps);
  if (answer.kind === 'answer') {
    await sendBounded(call, answer.answer, deps, 'MANIFEST_UNKNOWN');
    return;
  }
  call.context.access.digest = answer.digest;
  const stored = deps.manifests.get(deps.registry.name, answer.digest);
  if (stored !== undefined || call.request.raw.method === 'HEAD') {
    await sendManifest(call, stored ?? { ...answer, content: undefined });
    return;
  }
  // Allowed, but not in memory: never was, too large to be kept, or pushed out again.
  const question = upstreamRequest(call, caller.authorization);
  const fetched = await fetchManifest(question, route.reference, deps);
  if (fetched.kind === 'answer') await sendBounded(call, fetched.answer, deps, 'MANIFEST_UNKNOWN');
  else await sendManifest(call, fetched.manifest);
}

/** One decision for the digest: by HEAD where there is a copy (no pull is counted), by GET where there is none. */
async function askByDigest(
  call: DoorRequest,
  route: ManifestRoute,
  digest: Digest,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<ManifestAnswer> {
  const { registry, manifests, metrics, upstream } = deps;
  const hasCopy = manifests.get(registry.name, digest) !== undefined;
  const byHead = hasCopy || call.request.raw.method === 'HEAD';
  if (byHead) call.context.access.cache = hasCopy ? 'hit' : 'bypass';
  else call.context.access.cache = 'miss';
  metrics.manifestCacheRequests.inc({ result: hasCopy ? 'hit' : byHead ? 'bypass' : 'miss' });
  const question = upstreamRequest(call, undefined);
  const ask = async (
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<ManifestAnswer>> => {
    const asked = { ...question, authorization, signal };
    const headed = byHead ? await headManifest(asked, route.reference, deps) : undefined;
    if (headed !== undefined) return verdictOf(headed);
    const fetched = await fetchManifest(asked, route.reference, deps);
    return verdictOf(fetched.kind === 'answer' ? fetched : describe(fetched.manifest));
  };
  const verdict = await deps.manifestDecisions.decide(
    {
      registry: registry.name,
      repository: route.repository,
      subject: `manifest ${digest}`,
      authorization: caller.authorization,
      ttlSeconds: registry.authorizationTtlSeconds,
      readOnly: !registry.push,
      probe: registry.publicProbe
        ? async (signal) => ask(await upstream.anonymousAuthorization(route.repository, signal), signal)
        : undefined,
      ask: (signal) => ask(caller.authorization, signal),
    },
    call.context.signal,
  );
  return verdict.value;
}

/** A tag is asked for every time: it may have moved, and only the upstream knows. */
async function askByTag(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<ManifestAnswer> {
  const question = upstreamRequest(call, caller.authorization);
  const headed = await headManifest(question, route.reference, deps);
  const hasCopy =
    headed?.kind === 'manifest' && deps.manifests.get(deps.registry.name, headed.digest) !== undefined;
  deps.metrics.manifestCacheRequests.inc({ result: hasCopy ? 'hit' : 'miss' });
  call.context.access.cache = hasCopy ? 'hit' : 'miss';
  if (headed !== undefined && (headed.kind === 'answer' || hasCopy || question.method === 'HEAD')) {
    return headed;
  }
  const fetched = await fetchManifest(question, route.reference, deps);
  return fetched.kind === 'answer' ? fetched : describe(fetched.manifest);
}

function verdictOf(answer: ManifestAnswer): Verdict<ManifestAnswer> {
  return answer.kind === 'manifest'
    ? { kind: 'allowed', value: answer }
    : { kind: 'refused', status: answer.answer.status, value: answer };
}

function describe({ digest, mediaType, content }: StoredManifest): ManifestAnswer {
  return { kind: 'manifest', digest, mediaType, length: content.length };
}

type Sendable =
  | StoredManifest
  | {
      readonly digest: Digest;
      readonly mediaType: string;
      readonly length: number;
      readonly content: undefined;
    };

async function sendManifest(call: DoorRequest, manifest: Sendable): Promise<void> {
  const { reply, request } = call;
  const tag = `"${manifest.digest}"`;
  const condition = request.raw.headers['if-none-match'];
  reply.headers({
    'docker-content-digest': manifest.digest,
    'docker-distribution-api-version': 'registry/2.0',
    etag: tag,
  });
  if (condition !== undefined && matchesEntityTag(condition, tag)) {
    await reply.code(304).send();
    return;
  }
  reply.headers({
    'content-type': manifest.mediaType,
    'content-length': String(manifest.content === undefined ? manifest.length : manifest.content.length),
  });
  await reply.code(200).send(request.raw.method === 'HEAD' ? undefined : manifest.content);
}
