import { ContentTooLarge, readBounded } from '../http/bounded-content.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { takeResponse } from '../listener/take-response.ts';
import type { Route } from '../oci/route.ts';
import { statusError } from '../oci/status-error.ts';
import { limitKey } from '../policy/limit-key.ts';
import { answerHeaders } from './answer-headers.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

/**
 * A2, A3: the client's question goes to the token service that the upstream's own challenge names, as it is; so does the
 * answer. Credentials in it are between the two: nothing is kept here.
 */
export async function answerToken(
  call: DoorRequest,
  route: Extract<Route, { kind: 'token' }>,
  deps: LoginServerDeps,
): Promise<void> {
  const { raw } = call.request;
  if (deps.clients !== undefined) {
    throw statusError(404, {
      message: 'This registry takes a user name and password directly; it gives out no tokens.',
    });
  }
  const answer = await deps.upstream.tokenRequest({
    path: route.path,
    method: raw.method === 'POST' ? 'POST' : 'GET',
    query: call.query,
    headers: raw.headers,
    body: raw.method === 'POST' ? await readForm(call, deps) : undefined,
    client: limitKey(call.context.clientAddress),
    signal: call.context.signal,
  });
  if (answer.kind === 'no_token_service') {
    deps.metrics.tokenRequests.inc({ result: 'refused' });
    throw statusError(404, {
      message:
        'The upstream registry gives out no tokens; send requests without one, or with Basic credentials.',
    });
  }
  deps.metrics.tokenRequests.inc({ result: resultOf(answer.status) });
  const fields = answerHeaders(answer.headers, {
    registry: deps.registry,
    path: call.path,
    ownCredentials: false,
  });
  // RFC 9110, section 8.6: without content there is none, or one that is not the upstream's.
  if (answer.status !== 204 && answer.status !== 304) fields['content-length'] = String(answer.body.length);
  // A token is for one caller: neither a proxy nor a browser on the way may keep it.
  fields['cache-control'] = 'no-store';
  fields['x-request-id'] = call.context.requestId;
  // Not through Fastify, as for manifests: its way for an answer is dear.
  takeResponse(call.reply).writeHead(answer.status, fields).end(answer.body);
}

async function readForm(call: DoorRequest, deps: LoginServerDeps): Promise<Buffer> {
  try {
    return await readBounded(call.request.raw, deps.tokenBytes);
  } catch (error) {
    if (!(error instanceof ContentTooLarge)) throw error;
    throw statusError(413, {
      message: `A token request has at most ${deps.tokenBytes} bytes.`,
      headers: { connection: 'close' },
      cause: error,
    });
  }
}

function resultOf(status: number): 'ok' | 'refused' | 'throttled' | 'failed' {
  if (status < 300) return 'ok';
  if (status === 429) return 'throttled';
  return status < 500 ? 'refused' : 'failed';
}
