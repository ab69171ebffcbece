import { type OciError, ociError } from '../oci/error.ts';
import { statusError } from '../oci/status-error.ts';
import type { UpstreamFailure } from './failure.ts';

/**
 * The answer for a client whose request needed an upstream that failed: 429 and 503 stay what they are with their
 * Retry-After, silence is 504, everything else 502. An outage is never a 404.
 */
export function failureToOciError(failure: UpstreamFailure): OciError {
  const { kind, status, retryAfterSeconds } = failure;
  const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
  const options = { headers, cause: failure };
  if (status === 429) return ociError('TOOMANYREQUESTS', options);
  if (status === 503)
    return statusError(503, { ...options, message: 'The upstream is busy; try again later.' });
  return statusError(SILENT.has(kind) ? 504 : 502, options);
}

const SILENT: ReadonlySet<string> = new Set([
  'dns_timeout',
  'connection_timeout',
  'connection_read_timeout',
  'http_response_timeout',
]);
