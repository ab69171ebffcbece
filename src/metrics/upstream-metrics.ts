import type { Instruments } from './instruments.ts';
import { CODES } from './labels.ts';

/** Whom a request of ours goes to. */
const UPSTREAMS = ['registry', 'token_service', 'storage'] as const;
export type UpstreamLabel = (typeof UPSTREAMS)[number];

/** RFC 9209 §2.3 proxy error types, and four of our own. */
export const UPSTREAM_FAILURES = [
  'dns_timeout',
  'dns_error',
  'destination_not_found',
  'destination_unavailable',
  'destination_ip_prohibited',
  'destination_ip_unroutable',
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'connection_limit_reached',
  'tls_protocol_error',
  'tls_certificate_error',
  'tls_alert_received',
  'http_request_error',
  'http_request_denied',
  'http_response_incomplete',
  'http_response_header_section_size',
  'http_response_header_size',
  'http_response_body_size',
  'http_response_trailer_section_size',
  'http_response_trailer_size',
  'http_response_transfer_coding',
  'http_response_content_coding',
  'http_response_timeout',
  'http_upgrade_failed',
  'http_protocol_error',
  'proxy_internal_response',
  'proxy_internal_error',
  'proxy_configuration_error',
  'proxy_loop_detected',
  'redirect_refused',
  'address_refused',
  'content_too_large',
  'http_response_too_slow',
] as const;
export type UpstreamFailureLabel = (typeof UPSTREAM_FAILURES)[number];

/** Why a question was not put to an upstream registry: its `upstream.limits`. */
const UPSTREAM_THROTTLES = ['queue_full', 'wait_too_long', 'upstream_paused'] as const;
export type UpstreamThrottle = (typeof UPSTREAM_THROTTLES)[number];

/** Requests of our own: what upstreams answer, and how long they wait for their turn. */
export function upstreamMetrics(make: Instruments) {
  return {
    upstreamRequests: make.counter('berth_upstream_requests_total', 'Responses of upstreams.', {
      upstream: UPSTREAMS,
      code: CODES,
    }),
    upstreamRequestDuration: make.histogram(
      'berth_upstream_request_duration_seconds',
      "From sending a request upstream to its response's header section.",
      { upstream: UPSTREAMS },
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    ),
    upstreamFailures: make.counter(
      'berth_upstream_failures_total',
      'Upstream requests without a usable response, by RFC 9209 error type.',
      { upstream: UPSTREAMS, reason: UPSTREAM_FAILURES },
    ),
    upstreamBytes: make.counter('berth_upstream_bytes_total', 'Body bytes read from upstreams.', {
      upstream: UPSTREAMS,
    }),
    upstreamQueueLength: make.gauge(
      'berth_upstream_queue_length',
      'Questions that wait for their turn at an upstream registry.',
      {},
    ),
    upstreamQueueWait: make.histogram(
      'berth_upstream_queue_wait_seconds',
      'How long questions waited for their turn at an upstream registry; those that need not are counted with 0.',
      {},
      [0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60],
    ),
    upstreamThrottled: make.counter(
      'berth_upstream_throttled_total',
      'Questions answered 429 or 503 in place of an upstream registry, to keep its limits.',
      { reason: UPSTREAM_THROTTLES },
    ),
  };
}
