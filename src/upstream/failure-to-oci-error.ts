import { type OciError, ociError } from '../oci/error.ts';
import { type StatusWithoutCode, statusError } from '../oci/status-error.ts';
import type { FailureKind, UpstreamFailure, UpstreamRole } from './failure.ts';

/**
 * The answer for a client whose request needed an upstream that failed: 429 and 503 stay what they are with their
 * Retry-After, silence is 504, everything else 502. An outage is never a 404. The failure itself, with hosts, is the
 * error's cause, for the log.
 */
export function failureToOciError(failure: UpstreamFailure): OciError {
  const status = statusOf(failure);
  const seconds = failure.retryAfterSeconds ?? (failure.kind === 'connection_limit_reached' ? 1 : undefined);
  const options = {
    detail: { reason: failure.kind, upstream: failure.where },
    headers: seconds === undefined ? undefined : { 'retry-after': String(seconds) },
    cause: failure,
  };
  if (status === 429) return ociError('TOOMANYREQUESTS', options);
  return statusError(status, { ...options, message: MESSAGES[failure.kind]?.(PEERS[failure.where]) });
}

function statusOf({ kind, status }: UpstreamFailure): 429 | StatusWithoutCode {
  if (status === 429 || status === 503) return status;
  if (kind === 'connection_limit_reached') return 503;
  return SILENT.has(kind) ? 504 : 502;
}

const SILENT: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'dns_timeout',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'http_response_timeout',
  'http_response_too_slow',
]);

const PEERS: Readonly<Record<UpstreamRole, string>> = {
  registry: 'The upstream registry',
  token_service: "The upstream registry's token service",
  storage: "The upstream registry's storage",
};

/** Where the reader can do something about it; the rest is the status's own message. */
const MESSAGES: Readonly<Partial<Record<FailureKind, (peer: string) => string>>> = {
  tls_certificate_error: (peer) =>
    `${peer} has a certificate that is not trusted; the operator of the registry proxy can name its authority in upstream.caFile.`,
  address_refused: (peer) =>
    `${peer} resolves to an address that is not allowed; the operator of the registry proxy can add it to allowedPrivateAddresses.`,
  redirect_refused: (peer) =>
    `${peer} redirects to a location that is not allowed; the operator of the registry proxy can add its host to redirectHosts.`,
  proxy_configuration_error: () =>
    'The registry proxy can not authenticate at the upstream registry; its operator finds the reason in the log.',
  content_too_large: (peer) => `${peer} sent more than the registry proxy accepts.`,
};
