import { type FailureKind, UpstreamFailure } from '../upstream/failure.ts';

/** Why a transfer had to go on elsewhere or anew: one word for the metric. */
export type ResumeReason =
  /** The connection ended before the body did. */
  | 'cut'
  /** No header section, or no bytes of the body, for as long as the timeouts allow. */
  | 'stall'
  /** Bytes of the body, but fewer than the least rate asks for. */
  | 'slow'
  /** No connection: name, address, port or TLS. */
  | 'unreachable'
  /** 429, 503, or no free connection. */
  | 'busy'
  /** 408 or another 5xx. */
  | 'server_error'
  /** The source contradicts what was asked for, or what is known of the blob. */
  | 'wrong_answer'
  /** 412: the source has another body now than the one that was begun. */
  | 'changed'
  /** 401 or 403: the signature or the token does not hold any more. */
  | 'expired';

export type ResumeStep =
  /** Ask a source that is at hand again, after so many milliseconds. */
  | { readonly kind: 'retry'; readonly reason: ResumeReason; readonly afterMs: number }
  /** Ask for a fresh source (`BlobSource.renew`), after so many milliseconds. */
  | { readonly kind: 'renew'; readonly reason: ResumeReason; readonly afterMs: number }
  | { readonly kind: 'give_up' };

export type ResumeLimits = {
  /** Tries without progress, one after another. */
  readonly triesWithoutProgress: number;
  /** Tries in all, whatever progress there is. */
  readonly triesInAll: number;
  /** Milliseconds without progress since the first failure, waits included, in which what is at hand is asked again. */
  readonly msWithoutProgress: number;
  /** Likewise, in which a fresh source is asked for. */
  readonly msUntilRenewal: number;
  /** The time counts from the beginning, not from the first failure: somebody has waited since then. */
  readonly countsFromStart: boolean;
  /** Bytes that make a try one that was worth its request. */
  readonly progressBytes: number;
  /** Milliseconds: the first wait is up to this, each further one up to twice as much. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Milliseconds; a source that says a longer Retry-After is not waited for. */
  readonly maxRetryAfterMs: number;
};

/** Of a body that has begun: the client can not be told anything but bytes, so patience is all there is. */
export const BODY_RESUME_LIMITS: ResumeLimits = {
  // With full jitter about a minute together, and never under half of it: a storage account that fails over, a server that is
  // started again. Eight of them were over after 3 s when chance would have it.
  triesWithoutProgress: 32,
  // A blob of 16 GiB that is cut every 64 MiB.
  triesInAll: 256,
  // Two idle timeouts by default; a client that still waits then is better off with its own resume.
  msWithoutProgress: 120_000,
  msUntilRenewal: 120_000,
  countsFromStart: false,
  progressBytes: 64 * 1024,
  baseDelayMs: 100,
  maxDelayMs: 5_000,
  maxRetryAfterMs: 30_000,
};

/** Before the header section: whoever waits can still be told what is wrong, and containerd gives up after 30 s. */
export const OPENING_RESUME_LIMITS: ResumeLimits = {
  ...BODY_RESUME_LIMITS,
  triesWithoutProgress: 3,
  msWithoutProgress: 8_000,
  // A host that was silent for as long as `headersSeconds` leaves time for another one.
  msUntilRenewal: 25_000,
  countsFromStart: true,
  maxDelayMs: 500,
  maxRetryAfterMs: 0,
};

/** What the transfer can do about a failure now. */
export type ResumeFacts = {
  /** Bytes that have come since the last failure, or since the beginning. */
  readonly bytes: number;
  /** Some source that is at hand may be asked again; left out: it may. */
  readonly retryable?: boolean;
  /** A fresh source may be asked for. */
  readonly renewable: boolean;
};

/** Decides, per transfer or per fill, whether and when it goes on after a failure. Holds no timer. */
export type ResumePolicy = {
  next(failure: Error, facts: ResumeFacts): ResumeStep;
};

const GIVE_UP: ResumeStep = { kind: 'give_up' };

/** They have taken their time already. */
const SLOW_TO_SHOW: ReadonlySet<ResumeReason> = new Set<ResumeReason>(['stall', 'slow']);

const FUTILE_AGAIN: ReadonlySet<ResumeReason> = new Set<ResumeReason>(['expired', 'changed']);

/** Tries at what is at hand before a fresh source is asked for: a cut is nothing, two are a host that is in trouble. */
const TRIES_BEFORE_RENEWAL = 2;

/**
 * Exponential back-off with full jitter; Retry-After is a lower bound of the wait.
 *
 * @param now milliseconds. `random`: from 0 up to 1
 */
export function createResumePolicy(deps: {
  readonly now: () => number;
  readonly random: () => number;
  readonly limits: ResumeLimits;
}): ResumePolicy {
  const { now, random, limits } = deps;
  let tries = 0;
  let inAll = 0;
  let since: number | undefined = limits.countsFromStart ? now() : undefined;
  let renewals = 0;

  function wait(retryAfterMs: number): number {
    const ceiling = Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** (tries - 1));
    return Math.max(retryAfterMs, Math.floor(random() * ceiling));
  }

  return {
    next(failure, { bytes, renewable, retryable = true }) {
      if (bytes >= limits.progressBytes) {
        tries = 0;
        since = undefined;
        renewals = 0;
      }
      const reason = resumeReason(failure);
      if (reason === undefined) return GIVE_UP;
      tries += 1;
      inAll += 1;
      since ??= now();
      if (tries > limits.triesWithoutProgress || inAll > limits.triesInAll) return GIVE_UP;
      const retryAfterMs = retryAfterMsOf(failure);
      const isTooLong = retryAfterMs > limits.maxRetryAfterMs;
      const mayRetry = retryable && reason !== 'expired' && !isTooLong;
      // A fresh source that is no better than the one before: the next will not be, either.
      const mayRenew = renewable && !(renewals > 0 && (isTooLong || FUTILE_AGAIN.has(reason)));
      const isHopeless = !mayRetry || tries >= TRIES_BEFORE_RENEWAL || SLOW_TO_SHOW.has(reason);
      const shouldRenew = mayRenew && isHopeless;
      if (!shouldRenew && !mayRetry) return GIVE_UP;
      // The first renewal of a signature that has run out is no reason to wait.
      const afterMs = shouldRenew && tries === 1 ? 0 : wait(shouldRenew ? 0 : retryAfterMs);
      const within = shouldRenew ? limits.msUntilRenewal : limits.msWithoutProgress;
      if (now() - since + afterMs > within) return GIVE_UP;
      if (!shouldRenew) return { kind: 'retry', reason, afterMs };
      renewals += 1;
      return { kind: 'renew', reason, afterMs };
    },
  };
}

function retryAfterMsOf(failure: Error): number {
  return failure instanceof UpstreamFailure ? (failure.retryAfterSeconds ?? 0) * 1000 : 0;
}

const REASONS_BY_STATUS: ReadonlyMap<number, ResumeReason> = new Map<number, ResumeReason>([
  [401, 'expired'],
  [403, 'expired'],
  [408, 'server_error'],
  [412, 'changed'],
  // Of a range that the blob has: everything else is told apart before.
  [416, 'wrong_answer'],
  [429, 'busy'],
  [503, 'busy'],
]);

const REASONS_BY_KIND: ReadonlyMap<FailureKind, ResumeReason> = new Map<FailureKind, ResumeReason>([
  ['connection_terminated', 'cut'],
  ['http_response_incomplete', 'cut'],
  ['connection_read_timeout', 'stall'],
  ['connection_write_timeout', 'stall'],
  ['http_response_timeout', 'stall'],
  ['http_response_too_slow', 'slow'],
  ['dns_error', 'unreachable'],
  ['dns_timeout', 'unreachable'],
  ['connection_refused', 'unreachable'],
  ['connection_timeout', 'unreachable'],
  ['destination_ip_unroutable', 'unreachable'],
  // A handshake that was disturbed; a certificate that is not trusted is another kind, and final.
  ['tls_protocol_error', 'unreachable'],
  ['tls_alert_received', 'unreachable'],
  ['connection_limit_reached', 'busy'],
  ['http_protocol_error', 'wrong_answer'],
]);

/** Undefined: asking again changes nothing. That is a 404, what Berth itself refuses, and whatever is not an upstream's. */
export function resumeReason(failure: Error): ResumeReason | undefined {
  if (!(failure instanceof UpstreamFailure)) return undefined;
  const { kind, status } = failure;
  if (status !== undefined && status >= 400) {
    return REASONS_BY_STATUS.get(status) ?? (status >= 500 ? 'server_error' : undefined);
  }
  return REASONS_BY_KIND.get(kind);
}
