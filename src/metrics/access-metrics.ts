import type { Instruments } from './instruments.ts';
import type { RedirectRefusal } from './redirect-metrics.ts';
import type { ConnectionRefusal, RequestRefusal, TlsFailure } from './request-metrics.ts';
import type { TicketResult } from './ticket-metrics.ts';
import type { UpstreamLabel } from './upstream-metrics.ts';

/** Which limit on one client was reached; the one on connections is among `CONNECTION_REFUSALS`. */
const CLIENT_LIMITS = ['requests', 'transfers'] as const;
export type ClientLimit = (typeof CLIENT_LIMITS)[number];

/** Why a request or a connection was refused for safety; what a mere mistake or an outage ends is not among them. */
const AUDIT_REASONS = [
  'network_rule',
  'public_network',
  'repository_rule',
  'client_policy',
  'read_only',
  'method',
  'host',
  'namespace',
  'request',
  'ticket',
  'upload_ticket',
  'redirect_location',
  'upload_location',
  'address',
  'realm',
  'proxy_protocol',
  'tls',
] as const;
export type AuditReason = (typeof AUDIT_REASONS)[number];

/** The second word of an audit event; closed, too, but no label. */
export type AuditDetail =
  | RedirectRefusal
  | RequestRefusal
  | Exclude<TicketResult, 'ok'>
  | Exclude<ConnectionRefusal, 'connection_limit' | 'client_connection_limit' | 'tls_handshake'>
  | UpstreamLabel
  | Exclude<TlsFailure, 'alert'>
  | 'unknown_host'
  | 'mount_source'
  | 'wrong_credentials'
  | 'not_let_in'
  | 'throttled'
  | 'anonymous_write';

/** Who is let in and what is refused for safety: limits, audit, policy, tokens; and as whom Berth itself asks. */
export function accessMetrics(make: Instruments) {
  return {
    clientLimitRefusals: make.counter(
      'berth_client_limit_refusals_total',
      'Requests answered 429 because their client has reached a limit.',
      { limit: CLIENT_LIMITS },
    ),
    auditEvents: make.counter(
      'berth_audit_events_total',
      'Requests and connections refused for safety, one audit event each.',
      { reason: AUDIT_REASONS },
    ),
    auditWriteFailures: make.counter(
      'berth_audit_write_failures_total',
      'Audit events that `audit.file` did not take; they are in the log instead.',
      {},
    ),
    policyDecisions: make.counter(
      'berth_policy_decisions_total',
      "Decisions of Berth's own client policy (`clients`).",
      { decision: ['allowed', 'challenge', 'denied', 'throttled'] },
    ),
    tokenRequests: make.counter('berth_token_requests_total', 'Token requests of clients, by outcome.', {
      result: ['ok', 'refused', 'throttled', 'failed'],
    }),
    identityRefreshes: make.counter(
      'berth_identity_refreshes_total',
      "Refreshes of Berth's own credentials by a cloud's identity (`upstream.auth`), by outcome.",
      {
        identity: ['azure_workload_identity', 'azure_managed_identity', 'aws_ecr'],
        result: ['ok', 'failed'],
      },
    ),
  };
}
