import { createBlobSource } from '../blob/create-blob-source.ts';
import { lazySource } from '../blob/lazy-source.ts';
import { asSourceRef, createRenewSource, type RenewalCredentials } from '../blob/renew-source.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { takeResponse } from '../listener/take-response.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import type { Route } from '../oci/route.ts';
import { clientNetwork } from '../policy/client-network.ts';
import { limitKey } from '../policy/limit-key.ts';
import { resolveLocation } from '../upstream/check-location.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import { isRedirect } from '../upstream/is-redirect.ts';
import type { BlobLocation } from '../upstream/upstream-registry.ts';
import { bytesOf, forwardedHeaders, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { Subject, Verdict } from './decisions.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { redirectToDataEndpoint } from './redirect-blob.ts';
import { sendAnswer, sendBounded } from './send-answer.ts';
import { staleFields } from './stale-fields.ts';

type BlobRoute = Extract<Route, { kind: 'blob' }>;
type FoundBlob = Exclude<BlobLocation, { kind: 'status' }>;

/** end-2, GET and HEAD, in the delivery that is in force for this client now (B1–B8, W1, W6). */
export async function answerBlob(
  call: DoorRequest,
  route: BlobRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const { registry, metrics, settings } = deps;
  const isGet = call.request.raw.method === 'GET';
  const delivery = settings.deliveryFor(registry, call.context.clientAddress);
  if (delivery === 'passthrough') {
    await passThrough(call, caller, deps);
    return;
  }
  const verdict = await locate(call, route, caller, deps);
  const location = verdict.value;
  if (location.kind === 'status') {
    refuseOddAnswer(location.status);
    await sendBounded(call, location, deps);
    return;
  }
  const staleSince = verdict.kind === 'allowed' ? verdict.staleSince : undefined;
  const isPublic = verdict.kind === 'allowed' && verdict.isPublic === true;
  // C13: what stands in is kept here, and maybe at no other replica that a ticket might come to.
  const isRedirected = isGet && delivery === 'dedicated' && staleSince === undefined;
  if (isRedirected && redirectToDataEndpoint(call, route, { location, isPublic }, caller, deps)) {
    count(call, 'dataEndpoint', deps);
    return;
  }
  if (isGet) metrics.redirects.inc({ delivery: 'inline' });
  await deliverInline(call, route, { location, staleSince }, caller, deps);
}

/** A 204 or an unasked 304 is neither the blob nor a reason why there is none. @throws UpstreamFailure */
function refuseOddAnswer(status: number): void {
  if (status >= 400) return;
  throw new UpstreamFailure(
    'http_protocol_error',
    'registry',
    `the upstream answered ${status} to a question for a blob`,
    { status },
  );
}

/** B6: the answer that the upstream would have given without us, its redirect leading where it would have led. */
async function passThrough(call: DoorRequest, caller: Caller, deps: LoginServerDeps): Promise<void> {
  const region = deps.clientRegions(call.context.clientAddress);
  const request = { ...upstreamRequest(call, caller.authorization), region };
  const headers = forwardedHeaders(call.request.raw.headers, ['range', 'if-range', 'if-none-match']);
  const response = await deps.upstream.request({ ...request, headers });
  const { location } = response.headers;
  const gave = response.status < 400 && request.method === 'GET';
  if (gave) deps.metrics.redirects.inc({ delivery: 'passthrough' });
  if (location !== undefined && isRedirect(response.status)) count(call, 'storage', deps);
  // A relative one is relative to the upstream; from here, the client would take it for Berth's own.
  const base = `${deps.registry.upstream.url}${request.path}`;
  const given = location === undefined ? undefined : (resolveLocation(location, base) ?? location);
  await sendAnswer(call, response, deps, given === undefined ? {} : { location: given });
}

/** For the report on who still needs the rule for all storage hosts (W9). */
function count(call: DoorRequest, event: 'storage' | 'dataEndpoint', deps: LoginServerDeps): void {
  deps.migration.record(deps.registry.name, clientNetwork(call.context.clientAddress), event);
}

/** B1: where the blob is, decided by the upstream for this caller, or for everybody (C7, C8). */
async function locate(
  call: DoorRequest,
  route: BlobRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<Verdict<BlobLocation>> {
  const { blobDecisions, registry, upstream } = deps;
  const { repository, digest } = route;
  const client = limitKey(call.context.clientAddress);
  const region = deps.clientRegions(call.context.clientAddress);
  // X6: where it is for one client, or was before a region failed, is not where it is for another.
  const order = upstream.regions?.order(region);
  const subject: Subject = {
    registry: registry.name,
    repository,
    subject: order === undefined ? `blob ${digest}` : `blob ${digest} ${order}`,
    authorization: caller.authorization,
  };
  const known = blobDecisions.known(blobDecisions.name(subject, registry.publicProbe));
  if (known !== undefined) return known;
  const ask = async (authorization: string | undefined, signal: AbortSignal) =>
    verdictOf(await upstream.locateBlob({ repository, digest, authorization, client, region, signal }));
  const { staleIfErrorSeconds: seconds } = registry;
  const isKept = seconds > 0 && (await deps.isBlobKept(digest));
  return blobDecisions.decide(
    {
      ...subject,
      ttlSeconds: registry.authorizationTtlSeconds,
      readOnly: !registry.push,
      probe: registry.publicProbe
        ? async (signal) => ask(await upstream.anonymousAuthorization(repository, signal), signal)
        : undefined,
      ask: (signal) => ask(caller.authorization, signal),
      stale: seconds === 0 ? undefined : { seconds, usable: () => isKept },
    },
    call.context.signal,
  );
}

function verdictOf(value: BlobLocation): Verdict<BlobLocation> {
  if (value.kind === 'status') {
    return { kind: 'refused', status: value.status, value, bytes: bytesOf(value) };
  }
  const verdict = { kind: 'allowed', value, bytes: value.url.length } as const;
  const expiresAt = value.kind === 'storage' ? value.expiresAt : undefined;
  return expiresAt === undefined ? verdict : { ...verdict, usableUntil: expiresAt * 1000 };
}

/** B4, B5: HEAD in every delivery, and GET where the login server carries the bytes itself. */
async function deliverInline(
  call: DoorRequest,
  route: BlobRoute,
  { location, staleSince }: { readonly location: FoundBlob; readonly staleSince: number | undefined },
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const { raw } = call.request;
  const { context } = call;
  const { repository, digest } = route;
  const credentials: RenewalCredentials =
    deps.registry.upstream.auth === null
      ? { kind: 'caller', authorization: caller.authorization }
      : { kind: 'own' };
  const source = lazySource(async () => {
    const path = `/v2/${repository}/blobs/${digest}`;
    const authorization =
      location.kind === 'registry'
        ? (caller.authorization ?? (await deps.upstream.ownAuthorization(path, context.signal, location.url)))
        : undefined;
    const { clientAddress } = context;
    const region = deps.clientRegions(clientAddress);
    const blob = { repository, digest, client: limitKey(clientAddress), region };
    const renew = createRenewSource(blob, credentials, deps);
    return createBlobSource(asSourceRef(location), authorization, deps, renew);
  });
  await deps.responder.respond(
    {
      clientAddress: context.clientAddress,
      method: raw.method === 'HEAD' ? 'HEAD' : 'GET',
      headers: raw.headers,
      signal: context.signal,
      takeResponse: () => {
        call.reply.headers(API_VERSION_FIELD);
        if (staleSince !== undefined) call.reply.headers(staleFields(staleSince, deps.now()));
        return takeResponse(call.reply);
      },
      failedAmid: (failure) => deps.auditFailure(context, failure),
      linkRefused: () => deps.blobDecisions.forget(deps.registry.name, repository),
      ended: (outcome, failure) => Object.assign(context.access, { outcome, ...(failure && { failure }) }),
    },
    {
      registry: deps.registry.name,
      digest,
      source,
      where: location.kind,
      statedLength: location.size,
    },
  );
}
