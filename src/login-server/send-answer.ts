import type { DoorRequest } from '../listener/door-request.ts';
import { type OciErrorCode, ociError } from '../oci/error.ts';
import type { UpstreamResponse } from '../upstream/upstream-registry.ts';
import { answerHeaders } from './answer-headers.ts';
import type { BoundedAnswer } from './ask-upstream.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

/** Passes an upstream's answer on, its body as a stream. `extra` wins over the upstream's own fields. */
export async function sendAnswer(
  call: DoorRequest,
  response: UpstreamResponse,
  deps: LoginServerDeps,
  extra: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { reply, request } = call;
  closeAfterUnreadBody(call);
  reply.code(response.status);
  reply.headers({ ...answerHeaders(response.headers, deps.registry, deps.clients !== undefined), ...extra });
  if (request.raw.method === 'HEAD') {
    await response.body.dump();
    await reply.send();
    return;
  }
  await reply.send(response.body);
}

/**
 * Passes on an answer that was kept, for a question of Berth's own (a HEAD, a GET of the first byte). Where it has no
 * body, because HEAD has none, the client gets the OCI document that says the same.
 */
export async function sendBounded(
  call: DoorRequest,
  answer: BoundedAnswer,
  deps: LoginServerDeps,
  unknown: Extract<OciErrorCode, 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN' | 'NAME_UNKNOWN'>,
): Promise<void> {
  const headers = answerHeaders(answer.headers, deps.registry, deps.clients !== undefined);
  if (answer.body.length === 0 && answer.status >= 400) {
    throw ociError(codeOf(answer.status, unknown), {
      status: answer.status,
      headers: keptFields(headers),
    });
  }
  call.reply.code(answer.status);
  call.reply.headers({ ...headers, 'content-length': String(answer.body.length) });
  await call.reply.send(call.request.raw.method === 'HEAD' ? undefined : answer.body);
}

function codeOf(status: number, unknown: OciErrorCode): OciErrorCode {
  if (status === 401) return 'UNAUTHORIZED';
  if (status === 403) return 'DENIED';
  if (status === 404) return unknown;
  if (status === 429) return 'TOOMANYREQUESTS';
  // Of the listed codes the one that clients retry (docs/adr/0003-error-codes.md).
  if (status >= 500) return 'BLOB_UPLOAD_INVALID';
  return 'UNSUPPORTED';
}

/** What a client needs to go on: how to authenticate, and when to come back. */
function keptFields(headers: Readonly<Record<string, string | string[]>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['www-authenticate', 'retry-after']) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

/**
 * RFC 9112 §9.6: an upstream that answers before it has read the body leaves the rest of it on the client's connection.
 * Reading gigabytes only to drop them serves nobody, so the connection is closed instead.
 */
export function closeAfterUnreadBody(call: DoorRequest): void {
  const { raw } = call.request;
  const hasBody =
    raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length'] ?? 0) > 0;
  if (hasBody && !raw.complete) call.reply.header('connection', 'close');
}
