import { createHash } from 'node:crypto';
import type { StoredManifest } from '../cache/manifest-store.ts';
import { matchesEntityTag } from '../http/entity-tag.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { Digest } from '../oci/digest.ts';
import type { Route } from '../oci/route.ts';
import type { Caller } from './caller.ts';
import type { Verdict } from './decisions.ts';
import { fetchManifest, headManifest } from './fetch-manifest.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import type { ManifestAnswer } from './manifest-answer.ts';
import { sendBounded } from './send-answer.ts';

type ManifestRoute = Extract<Route, { kind: 'manifest' }>;
type KnownManifest = Extract<ManifestAnswer, { kind: 'manifest' }>;

/** The upstream's answer, and the content where this very request had to fetch it: memory may be too small for it. */
type Asked = { readonly answer: ManifestAnswer; readonly content: Buffer | undefined };

/** end-3, GET and HEAD (C1–C4): from memory where the upstream lets this caller have it, else from the upstream. */
export async function answerManifest(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const { answer, content } =
    route.reference.kind === 'digest'
      ? await askByDigest(call, route, route.reference.digest, caller, deps)
      : await askByTag(call, route, caller, deps);
  if (answer.kind === 'answer') {
    await sendBounded(call, answer.answer, deps);
    return;
  }
  call.context.access.digest = answer.digest;
  const known = content ?? deps.manifests.get(deps.registry.name, answer.digest)?.content;
  if (known !== undefined || call.request.raw.method === 'HEAD') {
    await sendManifest(call, answer, known);
    return;
  }
  // Allowed, but not in memory: never was, too large to be kept, or pushed out again.
  const fetched = await fetchManifest(manifestQuestion(call, caller.authorization), route.reference, deps);
  if (fetched.kind === 'answer') await sendBounded(call, fetched.answer, deps);
  else await sendManifest(call, describe(fetched.manifest), fetched.manifest.content);
}

/** One decision for the digest: by HEAD where there is a copy (no pull is counted), by GET where there is none. */
async function askByDigest(
  call: DoorRequest,
  route: ManifestRoute,
  digest: Digest,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<Asked> {
  const { registry, manifests, metrics, upstream } = deps;
  const hasCopy = manifests.get(registry.name, digest) !== undefined;
  const byHead = hasCopy || call.request.raw.method === 'HEAD';
  if (byHead) call.context.access.cache = hasCopy ? 'hit' : 'bypass';
  else call.context.access.cache = 'miss';
  metrics.manifestCacheRequests.inc({ result: hasCopy ? 'hit' : byHead ? 'bypass' : 'miss' });
  const question = manifestQuestion(call, undefined);
  let content: Buffer | undefined;
  const ask = async (
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<ManifestAnswer>> => {
    const asked = { ...question, authorization, signal };
    const headed = byHead ? await headManifest(asked, route.reference, deps) : undefined;
    if (headed !== undefined) return verdictOf(headed);
    const fetched = await fetchManifest(asked, route.reference, deps);
    if (fetched.kind === 'answer') return verdictOf(fetched);
    ({ content } = fetched.manifest);
    return verdictOf(describe(fetched.manifest));
  };
  const verdict = await deps.manifestDecisions.decide(
    {
      registry: registry.name,
      repository: route.repository,
      subject: `manifest ${digest} ${hashOf(question.headers['accept'])}`,
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
  return { answer: verdict.value, content };
}

/** A tag is asked for every time: it may have moved, and only the upstream knows. */
async function askByTag(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<Asked> {
  const question = manifestQuestion(call, caller.authorization);
  const headed = await headManifest(question, route.reference, deps);
  const hasCopy =
    headed?.kind === 'manifest' && deps.manifests.get(deps.registry.name, headed.digest) !== undefined;
  deps.metrics.manifestCacheRequests.inc({ result: hasCopy ? 'hit' : 'miss' });
  call.context.access.cache = hasCopy ? 'hit' : 'miss';
  const suffices = headed?.kind === 'answer' || hasCopy || call.request.raw.method === 'HEAD';
  if (headed !== undefined && suffices) return { answer: headed, content: undefined };
  const fetched = await fetchManifest(question, route.reference, deps);
  if (fetched.kind === 'answer') return { answer: fetched, content: undefined };
  return { answer: describe(fetched.manifest), content: fetched.manifest.content };
}

/**
 * What the upstream is asked about a manifest. Only the fields that the answer depends on, and no query: it may be kept for other
 * callers, so nothing else may have a say in it (some registries take an API key in a field of its own). Uncoded, since the
 * digest is of those bytes.
 */
function manifestQuestion(call: DoorRequest, authorization: string | undefined) {
  const { accept, 'user-agent': userAgent } = call.request.raw.headers;
  const headers = { accept, 'user-agent': userAgent, 'accept-encoding': 'identity' };
  const { clientAddress: client, signal } = call.context;
  return { path: call.path, headers, authorization, client, signal };
}

function hashOf(value: string | undefined): string {
  return createHash('sha256')
    .update(value ?? '')
    .digest('base64url');
}

function verdictOf(answer: ManifestAnswer): Verdict<ManifestAnswer> {
  return answer.kind === 'manifest'
    ? { kind: 'allowed', value: answer }
    : { kind: 'refused', status: answer.answer.status, value: answer };
}

function describe({ digest, mediaType, content }: StoredManifest): KnownManifest {
  return { kind: 'manifest', digest, mediaType, length: content.length };
}

/** The fields are the upstream's for this repository, also where the content was kept for another one (C4). */
async function sendManifest(
  call: DoorRequest,
  { digest, mediaType, length }: KnownManifest,
  content: Buffer | undefined,
): Promise<void> {
  const { reply, request } = call;
  const tag = `"${digest}"`;
  const condition = request.raw.headers['if-none-match'];
  reply.headers({
    'docker-content-digest': digest,
    'docker-distribution-api-version': 'registry/2.0',
    etag: tag,
  });
  if (condition !== undefined && matchesEntityTag(condition, tag)) {
    await reply.code(304).send();
    return;
  }
  reply.headers({ 'content-type': mediaType, 'content-length': String(content?.length ?? length) });
  await reply.code(200).send(request.raw.method === 'HEAD' ? undefined : content);
}
