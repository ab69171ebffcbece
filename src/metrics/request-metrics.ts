import { DURATION_BUCKETS, FIRST_BYTE_BUCKETS } from './buckets.ts';
import type { Instruments, Labels } from './instruments.ts';
import { CODES, METHODS, ROUTES, SERVERS } from './labels.ts';

/** Why a connection ended before it carried a request. */
export const CONNECTION_REFUSALS = [
  'connection_limit',
  'client_connection_limit',
  'proxy_protocol_untrusted',
  'proxy_protocol_malformed',
  'proxy_protocol_timeout',
  'tls_handshake',
] as const;
export type ConnectionRefusal = (typeof CONNECTION_REFUSALS)[number];

/**
 * How TLS ended a connection after its handshake. `broken_record`: what came is not what the client has sent. `alert`: the client says
 * that something is wrong, a certificate that it does not trust (TLS 1.3) among it.
 */
const TLS_FAILURES = ['broken_record', 'alert'] as const;
export type TlsFailure = (typeof TLS_FAILURES)[number];

/** Why a request did not reach a door. */
const REQUEST_REFUSALS = [
  'header_timeout',
  'header_too_large',
  'malformed_request',
  'missing_host',
  'duplicate_host',
  'malformed_host',
  'malformed_target',
  'method_not_allowed',
  'expectation_unknown',
  'transfer_coding_unknown',
  'too_many_pipelined',
] as const;
export type RequestRefusal = (typeof REQUEST_REFUSALS)[number];

/** What clients ask and how they are answered, connections included. */
export function requestMetrics(make: Instruments) {
  return {
    httpRequests: make.counter(
      'berth_http_requests_total',
      'Requests answered, each counted once when its response ends; 499: the client left first.',
      { server: SERVERS, route: ROUTES, method: METHODS, code: CODES },
      usualRequests(),
    ),
    httpRequestDuration: make.histogram(
      'berth_http_request_duration_seconds',
      'From the request header section to the last byte of the response or its end.',
      { server: SERVERS, route: ROUTES, method: METHODS, code: CODES },
      DURATION_BUCKETS,
    ),
    httpTimeToFirstByte: make.histogram(
      'berth_http_time_to_first_byte_seconds',
      'From the request header section to the response header section.',
      { server: SERVERS },
      FIRST_BYTE_BUCKETS,
    ),
    httpRequestsInFlight: make.gauge('berth_http_requests_in_flight', 'Requests being answered now.', {
      server: SERVERS,
    }),
    httpIncompleteResponses: make.counter(
      'berth_http_incomplete_responses_total',
      'Responses that ended after their header section and before their last byte.',
      {
        server: SERVERS,
        reason: ['client_closed', 'idle_timeout', 'internal_error', 'drain_deadline', 'cut'],
      },
    ),
    httpRefusedRequests: make.counter(
      'berth_http_refused_requests_total',
      'Requests refused before they reached a door.',
      { reason: REQUEST_REFUSALS },
    ),
    connectionsOpen: make.gauge('berth_connections_open', 'Open client connections.', {}),
    connectionsRefused: make.counter(
      'berth_connections_refused_total',
      'Client connections closed before their first request.',
      { reason: CONNECTION_REFUSALS },
    ),
    tlsFailures: make.counter(
      'berth_tls_failures_total',
      'Client connections that TLS ended after their handshake.',
      { reason: TLS_FAILURES },
    ),
  };
}

/** The requests every instance will see: listing all combinations would be thousands of lines that never move. */
function* usualRequests(): Generator<
  Labels<{ server: typeof SERVERS; route: typeof ROUTES; method: typeof METHODS; code: typeof CODES }>
> {
  for (const method of ['GET', 'HEAD'] as const) {
    for (const code of ['200', '401', '404', '502'] as const) {
      for (const route of ['ping', 'token', 'tags', 'manifest', 'blob'] as const) {
        yield { server: 'login_server', route, method, code };
      }
    }
    yield { server: 'login_server', route: 'blob', method, code: '307' };
    for (const code of ['200', '206', '403', '416', '499', '502'] as const) {
      yield { server: 'data_endpoint', route: 'blob', method, code };
    }
  }
}
