import { Readable } from 'node:stream';
import { ContentTooLarge } from '../http/bounded-content.ts';
import { parseContentLength } from '../http/content-length.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { statusError } from '../oci/status-error.ts';
import { endBody } from '../upstream/end-body.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamRequest, UpstreamResponse } from '../upstream/upstream-registry.ts';
import { localPath } from './answer-headers.ts';
import { requestBody, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { closeAfterUnreadBody, sendAnswer } from './send-answer.ts';

/** end-7, end-9, end-10: PUT of a manifest, DELETE of a manifest or blob; streamed through (P1, P6). */
export async function answerWrite(
  call: DoorRequest,
  repository: RepositoryName,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const isManifest = call.context.access.route === 'manifest';
  const body = isManifest ? manifestBody(call, deps.manifestBytes) : requestBody(call);
  const request = { ...upstreamRequest(call, caller.authorization), body };
  const response = await requestWrite(request, repository, call, deps).catch((error: unknown) => {
    throw isTooLarge(error) ? manifestTooLarge(deps.manifestBytes, error) : error;
  });
  await refuseRedirectedWrite(response, call, deps);
  const { location } = response.headers;
  const local = location === undefined ? undefined : localPath(location, call.path, deps.registry);
  await sendAnswer(call, response, deps, local === undefined ? {} : { location: local });
}

/** The manifest as it comes, ended where it grows over the limit (P8). @throws OciError 413 where its length says so */
function manifestBody(call: DoorRequest, maxBytes: number): Readable | undefined {
  const stated = parseContentLength(call.request.raw.headers['content-length']) ?? 0;
  if (stated > maxBytes) throw manifestTooLarge(maxBytes);
  const body = requestBody(call);
  return body === undefined ? undefined : Readable.from(limitContent(body, maxBytes), { objectMode: false });
}

async function* limitContent(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new ContentTooLarge(maxBytes);
    yield chunk;
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.kind === 'content_too_large';
}

function manifestTooLarge(maxBytes: number, cause?: unknown): Error {
  return statusError(413, {
    message: `A manifest has at most ${maxBytes} bytes here (limits.manifestBytes).`,
    headers: { connection: 'close' },
    cause,
  });
}

/**
 * A write, whose content counts as a transfer while it is under way (L4). P6: what was decided before the write says
 * nothing about what is there after it. Also where no answer came: it may have been carried out all the same.
 * @throws OciError 429 before the upstream hears of it, or UpstreamFailure
 */
export async function requestWrite(
  request: UpstreamRequest,
  repository: RepositoryName,
  call: DoorRequest,
  deps: LoginServerDeps,
): Promise<UpstreamResponse> {
  const endTransfer = request.body === undefined ? undefined : beginUpload(call, deps);
  try {
    return await deps.upstream.request(request);
  } catch (error) {
    // undici has taken the content for its own, and what is still to come of it can not be read any more.
    closeAfterUnreadBody(call);
    throw error;
  } finally {
    endTransfer?.();
    // Here at once; the answer waits until other replicas know, for as long as their state may take.
    await Promise.all([
      deps.blobDecisions.forget(deps.registry.name, repository),
      deps.manifestDecisions.forget(deps.registry.name, repository),
    ]);
  }
}

function beginUpload(call: DoorRequest, deps: LoginServerDeps): () => void {
  try {
    return deps.beginTransfer(call.context.clientAddress);
  } catch (error) {
    // Nobody reads what is still to come on this connection.
    closeAfterUnreadBody(call);
    throw error;
  }
}

/**
 * P4: a client that followed would send its content to a host that no firewall rule names.
 * @throws UpstreamFailure
 */
export async function refuseRedirectedWrite(
  response: UpstreamResponse,
  call: DoorRequest,
  deps: LoginServerDeps,
): Promise<void> {
  // Wider than `isRedirect`: no 3xx says that a write was done, and what Berth does not follow a client still may.
  if (response.status < 300 || response.status >= 400 || response.status === 304) return;
  await endBody(response);
  deps.metrics.redirectsRefused.inc({ reason: 'upload_redirected' });
  call.context.refuse('upload_location', 'upload_redirected');
  throw new UpstreamFailure('redirect_refused', 'registry', 'the upstream wants to redirect a write', {
    status: response.status,
  });
}
