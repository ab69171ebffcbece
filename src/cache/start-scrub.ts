import { setTimeout as wait } from 'node:timers/promises';

import type { Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { describeCode } from '../system/error-code.ts';

export type ScrubDeps = {
  /** Every published blob of now, from this part of them on, 0 to 1. */
  readonly digests: (from: number) => Iterable<Digest>;
  /** Hashes one, and removes it if it is wrong; waits for `onSlice` between slices. Rejects where the disk fails. */
  readonly verify: (
    digest: Digest,
    signal: AbortSignal,
    onSlice: (bytes: number) => Promise<void>,
  ) => Promise<unknown>;
  readonly metrics: Pick<Metrics, 'cacheScrubbedBytes'>;
  readonly log: { warn(facts: object, message: string): void };
  /** Tests bring their own; rejects when the signal is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Where the first round begins, from 0 to 1: a process that never lives for a round still gets to each blob. */
  readonly random?: () => number;
};

/** One blob after the other at a hundredth of a core and of a slow disk: 500 GB in a day. */
const BYTES_PER_SECOND = 6 * 1024 * 1024;
/** The start has better things to do. */
const FIRST_PAUSE_MS = 10 * 60 * 1000;
/** Between two rounds. Disks lose bytes in months, not in hours. */
const ROUND_PAUSE_MS = 24 * 3600 * 1000;
/** After a blob that could not be read. */
const FAILURE_PAUSE_MS = 60 * 1000;

/**
 * Hashes what is published, slowly and without end, as hits do not. The returned function ends it and waits until it has
 * let go of its file.
 */
export function startScrub({
  digests,
  verify,
  metrics,
  log,
  pause = pauseUnheld,
  random = Math.random,
}: ScrubDeps): () => Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;

  async function onSlice(bytes: number): Promise<void> {
    metrics.cacheScrubbedBytes.inc({}, bytes);
    await pause((bytes / BYTES_PER_SECOND) * 1000, signal);
  }

  async function round(): Promise<void> {
    for (const digest of digests(random())) {
      try {
        await verify(digest, signal, onSlice);
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn({ digest, error: describeCode(error) }, 'cached blob can not be read');
        await pause(FAILURE_PAUSE_MS, signal);
      }
    }
  }

  async function run(): Promise<void> {
    await pause(FIRST_PAUSE_MS, signal);
    for (;;) {
      await round();
      await pause(ROUND_PAUSE_MS, signal);
    }
  }

  // It only ever ends by the signal.
  const ended = run().catch(() => {});
  return async () => {
    stop.abort();
    await ended;
  };
}

/** Does not keep the process. */
async function pauseUnheld(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal, ref: false });
}
