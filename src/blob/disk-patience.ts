import type { BlobStore } from '../cache/blob-store.ts';

/** How long requests wait for the cache's disk: one that hangs is a cache without the blob, since the source has it, too. */
export type DiskPatience = {
  /**
   * What the disk has, or `late`: it is not in time, or hangs already and was not asked at all.
   *
   * @param late is given what comes after all when nobody waits for it any more
   * @throws what `ask` throws; the reason of `signal` when that aborts
   */
  wait<T>(ask: () => Promise<T>, late: (value: T) => void, signal?: AbortSignal): Promise<T | 'late'>;
};

/** Milliseconds: a disk that works is done in a few, containerd gives up after 30 s without a header section. */
export const DISK_PATIENCE_MS = 5_000;

export type DiskPatienceDeps = {
  readonly log: { warn(facts: object, message: string): void };
  /** Calls back after so many milliseconds, unless it is cancelled by what it returns. */
  readonly setTimer?: (milliseconds: number, fire: () => void) => () => void;
};

/**
 * Of one disk. While something that was asked of it hangs, nothing else is: each operation that hangs takes one of the few threads that all
 * of the process has for files and names.
 */
export function createDiskPatience({ log, setTimer = startTimer }: DiskPatienceDeps): DiskPatience {
  /** Operations that are late and have not come back. */
  let hanging = 0;

  function hangs(): void {
    hanging += 1;
    if (hanging === 1) log.warn({}, "the cache's disk does not answer: blobs are streamed until it does");
  }

  function answers(): void {
    hanging -= 1;
    if (hanging === 0) log.warn({}, "the cache's disk answers again");
  }

  return {
    wait<T>(ask: () => Promise<T>, late: (value: T) => void, signal?: AbortSignal): Promise<T | 'late'> {
      if (signal?.aborted === true) return Promise.reject(signal.reason);
      if (hanging > 0) return Promise.resolve('late');
      return new Promise((resolve, reject) => {
        let isLate = false;
        let isWaitedFor = true;
        const leave = (): void => {
          isWaitedFor = false;
          signal?.removeEventListener('abort', onAbort);
        };
        function onAbort(): void {
          leave();
          reject(signal?.reason);
        }
        // It runs on for a client that has left: what hangs, hangs for the next one.
        const cancelTimer = setTimer(DISK_PATIENCE_MS, () => {
          isLate = true;
          hangs();
          if (!isWaitedFor) return;
          leave();
          resolve('late');
        });
        const settled = (): boolean => {
          if (isLate) answers();
          else cancelTimer();
          const wasWaitedFor = isWaitedFor;
          leave();
          return wasWaitedFor;
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        const came = (value: T): void => (settled() ? resolve : late)(value);
        const failed = (error: unknown): void => (settled() ? reject : ignore)(error);
        ask().then(came, failed);
      });
    },
  };
}

/** The store as fills see it: what can not be had in time is not there, or can not be taken now. */
export function patientStore(
  store: Pick<BlobStore, 'open' | 'openPartial'>,
  patience: DiskPatience,
): Pick<BlobStore, 'open' | 'openPartial'> {
  return {
    async open(digest) {
      const found = await patience.wait(
        () => store.open(digest),
        (blob) => blob?.close(),
      );
      return found === 'late' ? undefined : found;
    },
    async openPartial(digest, length, scope) {
      const found = await patience.wait(
        () => store.openPartial(digest, length, scope),
        (partial) => void partial?.close().catch(() => undefined),
      );
      return found === 'late' ? undefined : found;
    },
  };
}

function ignore(): void {}

function startTimer(milliseconds: number, fire: () => void): () => void {
  const timer = setTimeout(fire, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}
