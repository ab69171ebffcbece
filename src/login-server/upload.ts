import { appendQuery } from '../http/append-query.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { parseDigest } from '../oci/digest.ts';
import { ociError } from '../oci/error.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { Route } from '../oci/route.ts';
import { openUpload, sealUpload, UploadSealError } from '../ticket/seal-upload.ts';
import { endBody } from '../upstream/end-body.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamResponse } from '../upstream/upstream-registry.ts';
import { judgedQuery } from './admit-repository.ts';
import { localPath } from './answer-headers.ts';
import { forwardedQuery, requestBody, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { sendAnswer } from './send-answer.ts';
import { refuseRedirectedWrite, requestWrite } from './write.ts';

type UploadRoute = Extract<Route, { kind: 'uploads' | 'upload' }>;

/** end-4, end-5, end-6, end-11, end-13, end-14: uploads and mounts, their locations sealed (P1–P7). */
export async function answerUpload(
  call: DoorRequest,
  route: UploadRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const { repository } = route;
  const request = upstreamRequest(call, caller.authorization);
  const path =
    route.kind === 'upload'
      ? openLocation(call, route, deps)
      : appendQuery(call.path, clientQuery(call, route.kind, deps));
  // An upload outside /v2/ does not tell which repository Berth's own token must be for.
  const asked = { ...request, path, repository, body: requestBody(call) };
  const response = await requestWrite(asked, repository, call, deps);
  await refuseRedirectedWrite(response, call, deps);
  const location = await locationOrEnd(response, () =>
    clientLocation(response, call, repository, path, deps),
  );
  deps.metrics.uploads.inc({ result: resultOf(request.method, response.status, route) });
  await sendAnswer(call, response, deps, location === undefined ? {} : { location });
}

/** G4: the client's query as it may go along. */
function clientQuery({ query }: DoorRequest, kind: UploadRoute['kind'], deps: LoginServerDeps): string {
  return deps.repositoryRules.any ? judgedQuery(query, kind) : forwardedQuery(query);
}

/** P3: path and query of the upload at the upstream, the client's own query added to it. */
function openLocation(
  call: DoorRequest,
  route: Extract<Route, { kind: 'upload' }>,
  deps: LoginServerDeps,
): string {
  const where = { registry: deps.registry.name, repository: route.repository };
  const opened = openUpload(deps.ticketKeys(), where, route.location);
  if (opened.kind === 'refused') {
    deps.metrics.uploads.inc({ result: 'refused' });
    call.context.access.failure = opened.reason;
    call.context.refuse('upload_ticket', opened.reason);
    throw ociError('BLOB_UPLOAD_UNKNOWN');
  }
  return appendQuery(opened.url, clientQuery(call, route.kind, deps));
}

/**
 * P2, P7: the `Location` of the answer as the client may use it. A finished blob has a plain path, wherever the upstream
 * would have it fetched from; an upload that goes on is sealed, since the upstream's may lie anywhere on its host and
 * hold a signature.
 * @throws UpstreamFailure where an upload is to go on at another host
 */
function clientLocation(
  response: UpstreamResponse,
  call: DoorRequest,
  repository: RepositoryName,
  requestPath: string,
  deps: LoginServerDeps,
): string | undefined {
  const { location } = response.headers;
  if (location === undefined) return undefined;
  const { registry } = deps;
  if (response.status === 201)
    return localPath(location, requestPath, registry) ?? finishedPath(call, repository);
  const base = new URL(`${registry.upstream.url}${requestPath}`);
  const target = URL.canParse(location, base) ? new URL(location, base) : undefined;
  // The scheme may differ: a registry behind a TLS terminator often says http. Only host and path are used.
  if (target === undefined || target.hostname !== base.hostname) {
    // A refusal (of a portal that would have people log in, say) is one whatever else it says; nothing goes on there.
    if (response.status >= 400) return undefined;
    deps.metrics.redirectsRefused.inc({ reason: 'host_not_listed' });
    call.context.refuse('upload_location', 'host_not_listed');
    throw new UpstreamFailure(
      'redirect_refused',
      'registry',
      'the upload location is not on the upstream host',
    );
  }
  const url = `${target.pathname}${target.search}`;
  return `/v2/${repository}/blobs/uploads/${seal({ registry: registry.name, repository, url }, deps)}`;
}

/** Nobody reads the body of an answer whose location is refused. */
async function locationOrEnd(
  response: UpstreamResponse,
  locate: () => string | undefined,
): Promise<string | undefined> {
  try {
    return locate();
  } catch (error) {
    await endBody(response);
    throw error;
  }
}

function seal(upload: Parameters<typeof sealUpload>[1], deps: LoginServerDeps): string {
  try {
    return sealUpload(deps.ticketKeys(), upload);
  } catch (error) {
    if (!(error instanceof UploadSealError)) throw error;
    throw new UpstreamFailure('http_protocol_error', 'registry', error.message, { cause: error });
  }
}

/** Of the blob that the request's own query names: uploaded (`digest`), or mounted. */
function finishedPath({ query }: DoorRequest, repository: RepositoryName): string | undefined {
  const params = new URLSearchParams(query);
  const parsed = parseDigest(params.get('digest') ?? params.get('mount') ?? '');
  return parsed.kind === 'ok' ? `/v2/${repository}/blobs/${parsed.digest}` : undefined;
}

function resultOf(
  method: string,
  status: number,
  route: UploadRoute,
): 'started' | 'continued' | 'completed' | 'mounted' | 'cancelled' | 'refused' | 'failed' {
  if (status >= 500) return 'failed';
  if (status >= 400) return 'refused';
  if (method === 'DELETE') return 'cancelled';
  if (status === 201) return route.kind === 'uploads' && method === 'POST' ? 'mounted' : 'completed';
  return route.kind === 'uploads' ? 'started' : 'continued';
}
