import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Metrics, RequestRefusal } from '../metrics/metrics.ts';
import { codeLabel } from '../metrics/metrics.ts';
import { statusError } from '../oci/status-error.ts';
import type { Connections } from './connections.ts';
import { selectRequestId } from './exchange.ts';
import { formatErrorResponse } from './send-error.ts';

type Refusal = { readonly reason: RequestRefusal; readonly status: 400 | 408 | 431 };

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
    code: codeLabel(refusal.status),
  });
  socket.end(formatErrorResponse(statusError(refusal.status), requestId), () => socket.destroy());
}

function refusalOf(code: string): Refusal {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { reason: 'header_timeout', status: 408 };
  if (code === 'HPE_HEADER_OVERFLOW') return { reason: 'header_too_large', status: 431 };
  return { reason: 'malformed_request', status: 400 };
}
