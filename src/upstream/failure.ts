import type { RedirectRefusal, UpstreamFailureLabel, UpstreamLabel } from '../metrics/metrics.ts';

/** Which kind of peer failed: the three that Berth speaks to on a registry's behalf. */
export type UpstreamRole = UpstreamLabel;

/**
 * What went wrong on the way to an upstream: the words of RFC 9209 §2.3, and Berth's own for what it refuses itself.
 * `proxy_configuration_error` is also said of a realm that is not allowed and of own credentials that can not be used.
 */
export type FailureKind = UpstreamFailureLabel;

export type UpstreamFailureFacts = {
  readonly status?: number | undefined;
  readonly refusal?: RedirectRefusal | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
};

/** An upstream could not be asked, or did not answer in a way that can be used. Never says "not found". */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly kind: FailureKind;
  readonly where: UpstreamRole;
  /** The upstream's own status, where there was one. */
  readonly status: number | undefined;

  /** Why a Location was refused (`kind` is `redirect_refused`) or a realm. */
  readonly refusal: RedirectRefusal | undefined;
  /** What the upstream's Retry-After asks for, with a 429 or 503. */
  readonly retryAfterSeconds: number | undefined;
  /** `countFailure` has seen it. */
  isCounted = false;

  /** `message` is for the log: hosts and numbers, never a query, a token or a header value. */
  constructor(kind: FailureKind, where: UpstreamRole, message: string, options: UpstreamFailureFacts = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.where = where;
    this.status = options.status;
    this.refusal = options.refusal;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Error codes of Node, OpenSSL and undici, in the words of RFC 9209. */
const KINDS_BY_CODE: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  ['ENOTFOUND', 'dns_error'],
  ['EAI_AGAIN', 'dns_error'],
  ['EAI_FAIL', 'dns_error'],
  ['EAI_NODATA', 'dns_error'],
  ['ENODATA', 'dns_error'],
  ['ESERVFAIL', 'dns_error'],
  ['ETIMEOUT', 'dns_timeout'],
  ['ECONNREFUSED', 'connection_refused'],
  ['ETIMEDOUT', 'connection_timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connection_timeout'],
  ['ENETUNREACH', 'destination_ip_unroutable'],
  ['EHOSTUNREACH', 'destination_ip_unroutable'],
  ['EADDRNOTAVAIL', 'destination_ip_unroutable'],
  ['EINVAL', 'destination_ip_unroutable'],
  ['ECONNRESET', 'connection_terminated'],
  ['ECONNABORTED', 'connection_terminated'],
  ['EPIPE', 'connection_terminated'],
  ['UND_ERR_SOCKET', 'connection_terminated'],
  // Berth ended it (a client left): for whoever still listens, the connection is over.
  ['UND_ERR_ABORTED', 'connection_terminated'],
  ['UND_ERR_ABORT', 'connection_terminated'],
  ['ABORT_ERR', 'connection_terminated'],
  ['UND_ERR_HEADERS_TIMEOUT', 'http_response_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'connection_read_timeout'],
  ['UND_ERR_HEADERS_OVERFLOW', 'http_response_header_section_size'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'http_response_incomplete'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'content_too_large'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'http_request_error'],
  ['UND_ERR_INVALID_ARG', 'http_request_error'],
  ['UND_ERR_NOT_SUPPORTED', 'http_request_error'],
  ['UND_ERR_MAX_ORIGINS_REACHED', 'connection_limit_reached'],
  ['UND_ERR_PRX_TLS', 'tls_certificate_error'],
  ['UND_ERR_PRX_CONN', 'connection_terminated'],
  ['UND_ERR_CLOSED', 'destination_unavailable'],
  ['UND_ERR_DESTROYED', 'destination_unavailable'],
  ['EPROTO', 'tls_protocol_error'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_certificate_error'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_certificate_error'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'tls_certificate_error'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_certificate_error'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_certificate_error'],
  ['HOSTNAME_MISMATCH', 'tls_certificate_error'],
  ['INVALID_CA', 'tls_certificate_error'],
  ['INVALID_PURPOSE', 'tls_certificate_error'],
  ['PATH_LENGTH_EXCEEDED', 'tls_certificate_error'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_certificate_error'],
  ['ERR_ADDRESS_REFUSED', 'address_refused'],
  ['content_too_large', 'content_too_large'],
  ['content_too_slow', 'http_response_timeout'],
]);

/** Any error of a request to an upstream as an `UpstreamFailure`; one that is already, as it is. */
export function classifyFailure(error: unknown, where: UpstreamRole): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const code = tellingCode(error);
  const text = error instanceof Error ? error.message : String(error);
  return new UpstreamFailure(kindOfCode(code), where, `${where}: ${text}${code ? ` (${code})` : ''}`, {
    cause: error,
  });
}

function kindOfCode(code: string): FailureKind {
  const kind = KINDS_BY_CODE.get(code);
  if (kind !== undefined) return kind;
  if (code.startsWith('HPE_')) return 'http_protocol_error';
  if (code.startsWith('CERT_') || code.startsWith('CRL_') || code.startsWith('UNABLE_TO_')) {
    return 'tls_certificate_error';
  }
  if (code.startsWith('ERR_SSL_'))
    return code.includes('ALERT') ? 'tls_alert_received' : 'tls_protocol_error';
  if (code.startsWith('ERR_TLS_')) return 'tls_protocol_error';
  return 'proxy_internal_error';
}

/** The most telling code: an AggregateError (several addresses tried) keeps its own in the first attempt's. */
function tellingCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  if (error instanceof AggregateError && error.errors.length > 0) return tellingCode(error.errors[0]);
  if (name === 'HTTPParserError') return 'HPE_INVALID';
  if (name === 'TimeoutError') return 'UND_ERR_HEADERS_TIMEOUT';
  return name === 'AbortError' ? 'ABORT_ERR' : '';
}
