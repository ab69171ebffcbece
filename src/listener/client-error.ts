import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Metrics, RequestRefusal } from '../metrics/metrics.ts';
import { ociError } from '../oci/error.ts';
import type { Connections } from './connections.ts';
import { selectRequestId } from './exchange.ts';
import { formatErrorResponse } from './send-error.ts';

type Refusal = { readonly reason: RequestRefusal; readonly status: number; readonly message: string };

const HEADER_TIMEOUT: Refusal = {
  reason: 'header_timeout',
  status: 408,
  message: 'The request header section took too long.',
};
const HEADER_TOO_LARGE: Refusal = {
  reason: 'header_too_large',
  status: 431,
  message: 'The request header section is too large.',
};
const MALFORMED: Refusal = {
  reason: 'malformed_request',
  status: 400,
  message: 'The request is not valid HTTP/1.1.',
};

/**
 * What happens to a connection whose bytes are no request: an answer where none is under way, then the end. Nothing of
 * what the client sent is repeated to it.
 */
export function handleClientError(
  error: Error,
  socket: Socket,
  { connections, metrics, log }: { connections: Connections; metrics: Metrics; log: Logger },
): void {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const connection = connections.of(socket);
  if (connection === undefined) {
    // Node's https server reports a failed handshake here, too.
    metrics.connectionsRefused.inc({ reason: 'tls_handshake' });
    socket.destroy();
    return;
  }
  // A client that reset the connection; its exchange, if any, ends with it.
  if (code === 'ECONNRESET' || code === 'EPIPE' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(code);
  metrics.httpRefusedRequests.inc({ reason: refusal.reason });
  const requestId = selectRequestId(undefined);
  const exchanges = [...connection.exchanges];
  log.info(
    { requestId, status: refusal.status, outcome: 'refused', failure: refusal.reason, code },
    'request refused',
  );
  if (exchanges.length > 0) {
    // The answer to an earlier request owns the connection: a second one in its middle would be taken for its content.
    for (const exchange of exchanges) exchange.context.access.failure ??= refusal.reason;
    socket.destroy();
    return;
  }
  metrics.httpRequests.inc({
    server: 'unknown',
    route: 'unknown',
    method: 'other',
    code: refusal.status === 408 ? '408' : refusal.status === 431 ? '431' : '400',
  });
  const answer = ociError('UNSUPPORTED', { status: refusal.status, message: refusal.message });
  socket.end(formatErrorResponse(answer, requestId), () => socket.destroy());
}

function refusalOf(code: string): Refusal {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return HEADER_TIMEOUT;
  return code === 'HPE_HEADER_OVERFLOW' ? HEADER_TOO_LARGE : MALFORMED;
}
