import { type FailureKind, UpstreamFailure } from './failure.ts';

/** Statuses by which an upstream says that it can not answer now (RFC 5861 §4), or not so many questions. */
const OUTAGE_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/**
 * Failures by which nothing was said about the question. What Berth refuses itself, and an answer that is a lie, are not
 * among them: somebody has to look at those.
 */
const OUTAGE_KINDS: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'dns_timeout',
  'dns_error',
  'destination_unavailable',
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
  'http_response_incomplete',
  'http_response_timeout',
  'http_response_too_slow',
]);

export function isOutageStatus(status: number): boolean {
  return OUTAGE_STATUSES.has(status);
}

/** Whether the upstream could not be asked, or has said nothing of use. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure)) return false;
  return OUTAGE_KINDS.has(error.kind) || (error.status !== undefined && isOutageStatus(error.status));
}
