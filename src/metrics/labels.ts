/**
 * The closed sets that label values come from. A label value that is not listed here does not compile, so the number
 * of series is bounded; none of them ever names a repository, a tag, a digest, an address or a path.
 */

/** The door a request came to; `unknown` where it was refused before its host was known. */
export const SERVERS = ['login_server', 'data_endpoint', 'unknown'] as const;
export type ServerLabel = (typeof SERVERS)[number];

/** Route kinds of `oci/route.ts`; `unknown` where none was recognised. */
export const ROUTES = [
  'ping',
  'catalog',
  'token',
  'tags',
  'manifest',
  'blob',
  'uploads',
  'upload',
  'referrers',
  'unknown',
] as const;
export type RouteLabel = (typeof ROUTES)[number];

/** Methods that are routed; a peer may send any token, so the rest is one value. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'other'] as const;
export type MethodLabel = (typeof METHODS)[number];

/** Status codes; 499 stands for a client that left (nginx's and caddy's convention). */
export const CODES = [
  '200',
  '201',
  '202',
  '204',
  '206',
  '301',
  '302',
  '303',
  '304',
  '307',
  '308',
  '400',
  '401',
  '403',
  '404',
  '405',
  '406',
  '408',
  '409',
  '410',
  '411',
  '412',
  '413',
  '414',
  '415',
  '416',
  '417',
  '421',
  '429',
  '431',
  '451',
  '499',
  '500',
  '501',
  '502',
  '503',
  '504',
  'other',
] as const;
export type CodeLabel = (typeof CODES)[number];

const CODE_OF: ReadonlyMap<string, CodeLabel> = new Map(CODES.map((code) => [code, code]));
const METHOD_OF: ReadonlyMap<string, MethodLabel> = new Map(METHODS.map((method) => [method, method]));

/** The label for a status code that a peer chose. */
export function codeLabel(status: number): CodeLabel {
  return CODE_OF.get(String(status)) ?? 'other';
}

/** The label for a method that a peer chose. */
export function methodLabel(method: string | undefined): MethodLabel {
  return METHOD_OF.get(method ?? '') ?? 'other';
}

/** Whom a request of ours goes to. */
export const UPSTREAMS = ['registry', 'token_service', 'storage'] as const;
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

/** Why a blob's bytes ended before the last one. */
export const INCOMPLETE_REASONS = [
  'client_closed',
  'digest_mismatch',
  'drain_deadline',
  'internal_error',
  ...UPSTREAM_FAILURES,
] as const;
export type IncompleteReason = (typeof INCOMPLETE_REASONS)[number];

/** Why a Location was not followed or not given to a client. */
export const REDIRECT_REFUSALS = [
  'malformed',
  'too_long',
  'scheme_not_allowed',
  'credentials_in_url',
  'fragment_in_url',
  'host_not_listed',
  'path_not_listed',
  'too_many_redirects',
  'address_refused',
  'upload_redirected',
] as const;
export type RedirectRefusal = (typeof REDIRECT_REFUSALS)[number];

/** `ok`, or the reason of `openTicket`. */
export const TICKET_RESULTS = [
  'ok',
  'malformed',
  'unknown_key',
  'bad_signature',
  'expired',
  'wrong_host',
  'wrong_registry',
  'wrong_repository',
  'wrong_blob',
] as const;
type TicketResult = (typeof TICKET_RESULTS)[number];

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
export const TLS_FAILURES = ['broken_record', 'alert'] as const;
export type TlsFailure = (typeof TLS_FAILURES)[number];

/** Why a request did not reach a door. */
export const REQUEST_REFUSALS = [
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
] as const;
export type RequestRefusal = (typeof REQUEST_REFUSALS)[number];

/** Why a request or a connection was refused for safety; what a mere mistake or an outage ends is not among them. */
export const AUDIT_REASONS = [
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

/** What of the configuration is taken up by itself, each with the files it comes from. */
export const RELOAD_PARTS = [
  'configuration',
  'ticket_keys',
  'certificates',
  'authorities',
  'passwords',
] as const;
export type ReloadPart = (typeof RELOAD_PARTS)[number];

/** `restart_needed`: in force but for some fields. `rejected`: the last good one stays. */
export const RELOAD_RESULTS = ['applied', 'unchanged', 'restart_needed', 'rejected'] as const;
export type ReloadResult = (typeof RELOAD_RESULTS)[number];

/** Which limit on one client was reached; the one on connections is among `CONNECTION_REFUSALS`. */
export const CLIENT_LIMITS = ['requests', 'transfers'] as const;
export type ClientLimit = (typeof CLIENT_LIMITS)[number];

/** Why a question was not put to an upstream registry: its `upstream.limits`. */
export const UPSTREAM_THROTTLES = ['queue_full', 'wait_too_long', 'upstream_paused'] as const;
export type UpstreamThrottle = (typeof UPSTREAM_THROTTLES)[number];

/** A blob on disk: whole and verified, or what a fill has brought or left. */
export const CACHE_STATES = ['published', 'partial'] as const;

/** Why a blob left the disk. `size` and `free_space`: its turn; `age`: a partial that nobody continued. */
export const CACHE_EVICTIONS = ['size', 'free_space', 'age', 'damaged', 'removed'] as const;
export type CacheEviction = (typeof CACHE_EVICTIONS)[number];

/** Why nothing is written to the cache. */
export const CACHE_DEGRADED = ['no_room', 'read_only', 'io_error'] as const;

/** Why a write failed; `gone`: somebody took the file away. */
export const CACHE_WRITE_FAILURES = [...CACHE_DEGRADED, 'gone'] as const;

/**
 * How a fill ended. `kept`: nobody needed it any more, what it has waits for the next one. `found`: the blob was published
 * meanwhile. `unavailable`: the store or a limit did not take it.
 */
export const FILL_RESULTS = [
  'published',
  'kept',
  'found',
  'failed',
  'mismatch',
  'spool_failed',
  'unavailable',
] as const;
export type FillResult = (typeof FILL_RESULTS)[number];

/** What the shared state was asked. `turn`: a request to an upstream, within the budget of all replicas. */
export const STATE_OPERATIONS = ['look', 'keep', 'forget', 'turn', 'pause', 'lease', 'note', 'read'] as const;
export type StateOperation = (typeof STATE_OPERATIONS)[number];

/** `timeout`: no answer within the deadline; `unavailable`: there is no connection now; `failed`: it was refused. */
export const STATE_RESULTS = ['ok', 'timeout', 'unavailable', 'failed'] as const;
export type StateResult = (typeof STATE_RESULTS)[number];

/** Why a blob transfer went on anew: see `ResumeReason` in src/blob/resume.ts. */
export const RESUME_REASONS = [
  'cut',
  'stall',
  'slow',
  'unreachable',
  'busy',
  'server_error',
  'wrong_answer',
  'changed',
  'expired',
] as const;
export const RENEWAL_RESULTS = ['ok', 'no_credentials', 'refused', 'failed'] as const;

/**
 * Why a region was left for the next. `unhealthy`: it was not asked. `outage`: it did not answer. `not_found`: it does not have
 * it, or not yet. `storage`: what it names fails.
 */
export const REGION_FAILOVERS = ['unhealthy', 'outage', 'not_found', 'storage'] as const;
export type FailoverReason = (typeof REGION_FAILOVERS)[number];

/** What the shared blob store (`cache.store`) was asked. */
export const OBJECT_OPERATIONS = ['get', 'put', 'length', 'remove'] as const;
export type ObjectOperation = (typeof OBJECT_OPERATIONS)[number];

/** `away`: it failed a moment ago and was not asked. */
export const OBJECT_RESULTS = ['ok', 'absent', 'exists', 'failed', 'away'] as const;

/** Where a piece of a fill was had with a shared blob store: a whole blob there, another replica's piece, or none. */
export const SHARED_READS = ['blob', 'piece', 'upstream'] as const;

/** `elsewhere`: another replica does it; `dropped`: too many were waiting. */
export const SHARED_UPLOADS = ['stored', 'exists', 'elsewhere', 'failed', 'dropped'] as const;
