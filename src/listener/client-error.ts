import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import { parseHost } from '../http/host.ts';
import type { Metrics, RequestRefusal, TlsFailure } from '../metrics/metrics.ts';
import { codeLabel } from '../metrics/metrics.ts';
import { type OciError, ociError } from '../oci/error.ts';
import { statusError } from '../oci/status-error.ts';
import { parseAddress } from '../policy/address.ts';
import { errorCode } from '../system/error-code.ts';
import { selectRequestId } from './client-exchange.ts';
import type { Connection, Connections } from './connections.ts';
import { formatErrorResponse } from './send-error.ts';

export type ClientErrorDeps = {
  readonly connections: Connections;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly audit: Audit;
  /** L2: takes the turn of a client; the answer that it gets where it comes too often. */
  readonly limit: (clientAddress: string) => OciError | undefined;
};

type Refusal = { readonly reason: RequestRefusal; readonly status: 400 | 408 | 431 };

/**
 * What happens to a connection whose bytes are no request: an answer where none is under way, then the end. Nothing of
 * what the client sent is repeated to it.
 */
export function handleClientError(
  error: Error,
  socket: Socket,
  { connections, metrics, log, audit, limit }: ClientErrorDeps,
): void {
  const code = errorCode(error);
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
  const tls = tlsFailureOf(code);
  if (tls !== undefined) {
    endBroken(tls, socket, connection, { metrics, audit, limit });
    return;
  }
  // A client that hung up in the middle of its body: its exchange says so.
  if (code === 'HPE_INVALID_EOF_STATE' && connection.exchanges.size > 0) {
    socket.destroy();
    return;
  }
  const exchanges = [...connection.exchanges];
  const client = peerOf(connection, socket);
  const tooMany = limit(client ?? '');
  if (tooMany !== undefined) {
    if (exchanges.length > 0) socket.destroy();
    else endWith(socket, tooMany, selectRequestId(undefined), metrics);
    return;
  }
  const refusal = refusalOf(code);
  metrics.httpRefusedRequests.inc({ reason: refusal.reason });
  const requestId = selectRequestId(undefined);
  // A client that is merely slow was not refused for safety; health checks that only connect are such clients.
  if (refusal.reason !== 'header_timeout') {
    // In a body that is under way: an event of that request, which may have been refused already.
    const underWay = exchanges.find(({ request }) => !request.complete);
    if (underWay === undefined) {
      audit.record({ reason: 'request', detail: refusal.reason, requestId, client, door: 'unknown' });
    } else underWay.context.refuse('request', refusal.reason);
  }
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
  endWith(socket, statusError(refusal.status), requestId, metrics);
}

/** Nothing that is written now would ever arrive or call back. What the client itself says is no refusal. */
function endBroken(
  failure: TlsFailure,
  socket: Socket,
  connection: Connection,
  { metrics, audit, limit }: Pick<ClientErrorDeps, 'metrics' | 'audit' | 'limit'>,
): void {
  metrics.tlsFailures.inc({ reason: failure });
  const [underWay] = connection.exchanges;
  if (underWay !== undefined) underWay.context.access.failure ??= `tls_${failure}`;
  const client = peerOf(connection, socket);
  if (failure !== 'alert' && limit(client ?? '') === undefined) {
    if (underWay === undefined) audit.record({ reason: 'tls', detail: failure, client, door: 'unknown' });
    else underWay.context.refuse('tls', failure);
  }
  socket.destroy();
}

/** Undefined: no failure of TLS, or only an end without the word that it is one. */
function tlsFailureOf(code: string | undefined): TlsFailure | undefined {
  if (code?.startsWith('ERR_SSL_') !== true || code === 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING')
    return undefined;
  return code.includes('_ALERT_') ? 'alert' : 'broken_record';
}

/** CONNECT (RFC 9110 §9.3.6) would make a tunnel of the proxy; Node itself would only hang up. */
export function refuseConnect(
  request: IncomingMessage,
  socket: Socket,
  {
    connections,
    metrics,
    log,
    audit,
    limit,
    scheme,
  }: ClientErrorDeps & { readonly scheme: 'http' | 'https' },
): void {
  const requestId = selectRequestId(request.headers['x-request-id']);
  const connection = connections.of(socket);
  const host = parseHost(request.url ?? '', scheme);
  const client = connection === undefined ? undefined : peerOf(connection, socket);
  const underWay = [...(connection?.exchanges ?? [])];
  socket.on('error', () => socket.destroy());
  const tooMany = limit(client ?? '');
  if (tooMany !== undefined) {
    if (underWay.length > 0) socket.destroy();
    else endWith(socket, tooMany, requestId, metrics);
    return;
  }
  const refusal = { reason: 'method', detail: 'method_not_allowed' } as const;
  audit.record({ ...refusal, requestId, client, method: 'CONNECT', host, door: 'unknown' });
  metrics.httpRefusedRequests.inc({ reason: 'method_not_allowed' });
  const error = ociError('UNSUPPORTED', {
    message: 'This is no forward proxy; leave it out of the proxy settings.',
  });
  log.info(
    { requestId, client, method: 'CONNECT', status: error.status, outcome: 'refused' },
    'request refused',
  );
  if (underWay.length > 0) {
    // As above: it would stand in the middle of an earlier answer, or in its place.
    for (const { context } of underWay) context.access.failure ??= refusal.detail;
    socket.destroy();
    return;
  }
  endWith(socket, error, requestId, metrics);
}

/** The answer to what never became a request, and the end of its connection. */
function endWith(socket: Socket, error: OciError, requestId: string, metrics: Metrics): void {
  metrics.httpRequests.inc({
    server: 'unknown',
    route: 'unknown',
    method: 'other',
    code: codeLabel(error.status),
  });
  socket.end(formatErrorResponse(error, requestId), () => socket.destroy());
}

/** Of a request that can not be read, the listener's fields for the client's address can not be, either. */
function peerOf(connection: Connection, socket: Socket): string | undefined {
  return connection.source?.address ?? parseAddress(socket.remoteAddress ?? '');
}

function refusalOf(code: string | undefined): Refusal {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { reason: 'header_timeout', status: 408 };
  if (code === 'HPE_HEADER_OVERFLOW') return { reason: 'header_too_large', status: 431 };
  return { reason: 'malformed_request', status: 400 };
}
