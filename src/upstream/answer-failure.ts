import type { IncomingHttpHeaders } from 'node:http';
import { parseRetryAfter } from '../http/retry-after.ts';
import { UpstreamFailure, type UpstreamRole } from './failure.ts';

/**
 * An answer that Berth itself needed and can not use: `what` names the question for the log. A 429 keeps its
 * Retry-After, so that the client is told to wait as well.
 */
export function answerFailure(
  where: UpstreamRole,
  what: string,
  status: number,
  headers: IncomingHttpHeaders,
  nowMs: number,
): UpstreamFailure {
  const retryAfter = headers['retry-after'];
  const retryAfterSeconds = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, nowMs);
  return new UpstreamFailure(
    status >= 500 ? 'destination_unavailable' : 'http_protocol_error',
    where,
    `${where}: ${what} was answered ${status}`,
    { status, retryAfterSeconds },
  );
}
