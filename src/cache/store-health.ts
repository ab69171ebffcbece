import type { Logger } from 'pino';

import type { Metrics } from '../metrics/metrics.ts';
import type { StoreUsage } from './blob-store.ts';
import { classifyStoreFailure, type StoreFailure } from './store-failure.ts';

export type Degraded = NonNullable<StoreUsage['degraded']>;

/** Whether the store may write; after a failure only once a probe has gone well. */
export type StoreHealth = {
  readonly degraded: Degraded | undefined;
  /** The last failure came soon after a probe that had gone well. */
  readonly relapsed: boolean;
  failed(failure: StoreFailure): void;
  /** True: writing may be tried. Probes, where it is time to; whoever asks meanwhile gets false at once. */
  mayWrite(): Promise<boolean>;
};

/** A full disk that is being cleared is found soon, a broken one is not hammered. */
const FIRST_PROBE_MS = 1000;
const LAST_PROBE_MS = 60_000;

export type StoreHealthDeps = {
  /** Before each write while all is well: that the directory is still there, and still this process's. */
  readonly check: () => Promise<void>;
  /** Makes room where it can and writes to the disk; rejects where that fails. */
  readonly probe: () => Promise<void>;
  readonly directory: string;
  readonly metrics: Pick<Metrics, 'cacheDegraded' | 'cacheWriteFailures'>;
  readonly log: Logger;
  readonly now: () => number;
};

export function createStoreHealth({
  check,
  probe,
  directory,
  metrics,
  log,
  now,
}: StoreHealthDeps): StoreHealth {
  let degraded: Degraded | undefined;
  let waitMs = FIRST_PROBE_MS;
  let failedAt = 0;
  let recoveredAt = Number.NEGATIVE_INFINITY;
  let relapsed = false;
  let probing = false;

  function become(next: Degraded | undefined): void {
    if (degraded !== undefined) metrics.cacheDegraded.set({ reason: degraded }, 0);
    if (next !== undefined) metrics.cacheDegraded.set({ reason: next }, 1);
    degraded = next;
  }

  function failed(failure: StoreFailure): void {
    const { kind } = failure;
    if (kind === 'closed') return;
    metrics.cacheWriteFailures.inc({ reason: kind });
    // One file that somebody took away says nothing about the disk.
    if (kind === 'gone') return;
    if (degraded === undefined) {
      // A disk that takes the probe and nothing more must not be tried every second.
      const wellFor = now() - recoveredAt;
      relapsed = wellFor >= 0 && wellFor < LAST_PROBE_MS;
      waitMs = relapsed ? Math.min(waitMs * 2, LAST_PROBE_MS) : FIRST_PROBE_MS;
      failedAt = now();
      log.error({ directory, reason: kind, error: failure.message }, 'cache writes stop: blobs are streamed');
    }
    if (degraded !== kind) become(kind);
  }

  async function tryAgain(): Promise<boolean> {
    probing = true;
    try {
      await probe();
      recoveredAt = now();
      become(undefined);
      log.info({ directory }, 'cache writes work again');
      return true;
    } catch (error) {
      const { kind } = classifyStoreFailure(error);
      // The directory itself is missing: nothing else does when its own file can not be made.
      const reason = kind === 'gone' || kind === 'closed' ? 'io_error' : kind;
      if (reason !== degraded) become(reason);
      waitMs = Math.min(waitMs * 2, LAST_PROBE_MS);
      failedAt = now();
      return false;
    } finally {
      probing = false;
    }
  }

  /** A clock that was set back must not make it wait until it has come round again. */
  function isTooEarly(): boolean {
    const passed = now() - failedAt;
    return passed >= 0 && passed < waitMs;
  }

  return {
    get degraded() {
      return degraded;
    },
    get relapsed() {
      return relapsed;
    },
    failed,
    async mayWrite() {
      if (degraded !== undefined) return probing || isTooEarly() ? false : tryAgain();
      try {
        await check();
        return true;
      } catch (error) {
        failed(classifyStoreFailure(error));
        return false;
      }
    },
  };
}
