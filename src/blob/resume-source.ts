import { setTimeout as delay } from 'node:timers/promises';
import type { Metrics } from '../metrics/metrics.ts';
import { countFailure } from '../upstream/count-failure.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { BlobSource } from './blob-source.ts';
import { createResumePolicy, type ResumeLimits, type ResumeReason, resumeReason } from './resume.ts';

export type ResumeDeps = {
  readonly metrics: Pick<Metrics, 'blobResumes' | 'upstreamFailures'>;
  /** Unix milliseconds: a link says by them when it ends. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set, by which patience is measured; left out: `now`. */
  readonly steady?: (() => number) | undefined;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Replaces limits, for tests that have no patience. */
  readonly limits?: Partial<ResumeLimits> | undefined;
};

/** The source that one transfer reads from now, and what becomes of it after a failure. */
export type ResumeSource = {
  readonly current: BlobSource;
  /** The one to ask next: renewed beforehand where it is about to expire. Rejects where the signal aborts. */
  take(signal: AbortSignal): Promise<BlobSource>;
  /**
   * Resolves when it is time to try again.
   * @throws the failure, or the renewal's, where there is no use in that; the reason of `signal` when that aborts
   */
  recover(failure: unknown, facts: RecoveryFacts, signal: AbortSignal): Promise<void>;
};

export type RecoveryFacts = {
  /** Bytes that have come since the last failure. */
  readonly bytes: number;
  /** Whether the source may be asked again as it is. */
  readonly retryable: (reason: ResumeReason) => boolean;
};

/** Milliseconds that a request needs to be with the source before its signature ends. */
export const EXPIRY_MARGIN_MS = 2_000;

export function createResumeSource(source: BlobSource, deps: ResumeDeps, limits: ResumeLimits): ResumeSource {
  const inForce = { ...limits, ...deps.limits };
  const policy = createResumePolicy({ now: deps.steady ?? deps.now, random: deps.random, limits: inForce });
  let current = source;
  let isWithoutCredentials = false;

  /** False where no credentials are left. @throws as `BlobSource.renew` */
  async function renew(signal: AbortSignal, hasFailed: boolean): Promise<boolean> {
    const renewed = await current.renew?.(signal, hasFailed);
    if (renewed === undefined) {
      isWithoutCredentials = true;
      return false;
    }
    current = renewed;
    return true;
  }

  const isRenewable = (): boolean => !isWithoutCredentials && current.renew !== undefined;
  const isExpiring = (): boolean =>
    current.expiresAt !== undefined && current.expiresAt - deps.now() < EXPIRY_MARGIN_MS;

  return {
    get current() {
      return current;
    },
    async take(signal) {
      // Twice: the first may be what another request has had for a while.
      for (let tries = 0; tries < 2 && isExpiring() && isRenewable(); tries += 1) {
        try {
          await renew(signal, false);
        } catch {
          // It is not refused before it is: a clock may be wrong, and the failure would be told as the source's.
          signal.throwIfAborted();
          break;
        }
      }
      return current;
    },
    async recover(first, { bytes, retryable }, signal) {
      let failure = first;
      let moved = bytes;
      for (;;) {
        signal.throwIfAborted();
        if (!(failure instanceof UpstreamFailure)) throw failure;
        const reason = resumeReason(failure);
        const mayRetry = reason !== undefined && retryable(reason);
        const step = policy.next(failure, { bytes: moved, retryable: mayRetry, renewable: isRenewable() });
        if (step.kind === 'give_up') throw failure;
        deps.metrics.blobResumes.inc({ reason: step.reason });
        countFailure(deps.metrics, failure);
        await waitFor(step.afterMs, signal);
        if (step.kind === 'retry') return;
        moved = 0;
        const { origin } = current;
        const retryAfterMs = (failure.retryAfterSeconds ?? 0) * 1000;
        try {
          if (!(await renew(signal, step.reason !== 'expired'))) continue;
        } catch (error) {
          failure = error;
          continue;
        }
        // A fresh link to the same host is no way around what it has asked for.
        if (current.origin === origin && retryAfterMs > 0) {
          if (retryAfterMs > inForce.maxRetryAfterMs) throw failure;
          await waitFor(retryAfterMs, signal);
        }
        return;
      }
    },
  };
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  try {
    if (ms > 0) await delay(ms, undefined, { signal });
  } finally {
    signal.throwIfAborted();
  }
}
