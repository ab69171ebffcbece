import type { IncomingHttpHeaders } from 'node:http';
import { announcesContent } from '../http/content-length.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { AccessFields } from '../listener/request-context.ts';
import { type OciErrorCode, ociError } from '../oci/error.ts';
import { endBody } from '../upstream/end-body.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
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
  const { status, body } = response;
  closeAfterUnreadBody(call);
  const headers = fieldsOf(call, response, deps);
  if (isErrorToReword(response, deps)) {
    await endBody(response);
    throw rewordedError(call, status, { ...headers, ...extra }, deps);
  }
  try {
    reply.code(status);
    reply.headers({ ...headers, ...extra });
    if (request.raw.method === 'HEAD') await endBody(response);
  } catch (error) {
    // Whatever can not be passed on still holds a connection to the upstream.
    await endBody(response);
    throw error;
  }
  await reply.send(request.raw.method === 'HEAD' ? undefined : body);
}

/**
 * Of what reads, only 200 is a success: a 204 or an unasked 304 would reach the client as content that is empty.
 * @throws UpstreamFailure
 */
export async function refuseOddSuccess(response: UpstreamResponse): Promise<void> {
  if (response.status === 200 || response.status >= 400) return;
  await endBody(response);
  throw new UpstreamFailure(
    'http_protocol_error',
    'registry',
    `the upstream answered ${response.status} to a question that 200 answers`,
    { status: response.status },
  );
}

/** Passes on an answer that was kept, for a question of Berth's own (a HEAD, a GET of the first byte). */
export async function sendBounded(
  call: DoorRequest,
  answer: BoundedAnswer,
  deps: LoginServerDeps,
): Promise<void> {
  const { status, body } = answer;
  const headers = fieldsOf(call, answer, deps);
  // Of a HEAD there is no body that could be passed on to a GET; its length says nothing.
  if (isErrorToReword(answer, deps) || (status >= 400 && body.length === 0)) {
    throw rewordedError(call, status, headers, deps);
  }
  call.reply.code(status);
  call.reply.headers({ ...headers, 'content-length': String(body.length) });
  await call.reply.send(call.request.raw.method === 'HEAD' ? undefined : body);
}

function fieldsOf(call: DoorRequest, answer: { headers: IncomingHttpHeaders }, deps: LoginServerDeps) {
  const about = { registry: deps.registry, path: call.path, ownCredentials: deps.clients !== undefined };
  return answerHeaders(answer.headers, about);
}

/**
 * Whether clients would not understand the upstream's error: a load balancer's HTML where they parse JSON, or a 401
 * that is about Berth's own credentials, which no client can do anything about.
 */
function isErrorToReword(
  { status, headers }: { status: number; headers: IncomingHttpHeaders },
  deps: LoginServerDeps,
): boolean {
  if (status < 400) return false;
  if (status === 401 && deps.clients !== undefined) return true;
  if (headers['content-length'] === '0') return true;
  return !/^application\/([\w.+-]+\+)?json\b/i.test(headers['content-type'] ?? '');
}

/** The OCI document that says what the upstream's status says (H5). */
function rewordedError(
  call: DoorRequest,
  status: number,
  headers: Readonly<Record<string, string | string[]>>,
  deps: LoginServerDeps,
): Error {
  const kept = keptFields(headers);
  if (status === 401 && deps.clients !== undefined) {
    return ociError('DENIED', {
      message: 'The upstream registry does not allow this to the registry proxy; ask its operator.',
      headers: kept,
    });
  }
  const code = codeOf(status, call.context.access.route);
  const message = OCI_STATUSES.has(status)
    ? undefined
    : status >= 500
      ? `The upstream registry answered ${status}; try again later.`
      : `The upstream registry refuses this request with ${status}.`;
  return ociError(code, { status, message, headers: kept });
}

/** Statuses whose codes say what happened in their own words. */
const OCI_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 429]);

function codeOf(status: number, route: AccessFields['route']): OciErrorCode {
  if (status === 401) return 'UNAUTHORIZED';
  if (status === 403) return 'DENIED';
  if (status === 404) return UNKNOWN[route] ?? 'NAME_UNKNOWN';
  if (status === 429) return 'TOOMANYREQUESTS';
  // Of the listed codes the one that clients retry (docs/adr/0003-error-codes.md).
  if (status >= 500) return 'BLOB_UPLOAD_INVALID';
  return 'UNSUPPORTED';
}

const UNKNOWN: Readonly<Partial<Record<AccessFields['route'], OciErrorCode>>> = {
  manifest: 'MANIFEST_UNKNOWN',
  blob: 'BLOB_UNKNOWN',
  upload: 'BLOB_UPLOAD_UNKNOWN',
};

/** What a client needs to go on: how to authenticate, when to come back, and where an upload stands. */
function keptFields(headers: Readonly<Record<string, string | string[]>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['www-authenticate', 'retry-after', 'location', 'range', 'docker-upload-uuid']) {
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
  // At the response itself: an answer that takes it over from Fastify has none of Fastify's fields.
  if (announcesContent(raw.headers) && !raw.complete) call.reply.raw.setHeader('connection', 'close');
}
