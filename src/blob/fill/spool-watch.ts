import type { PartialBlob } from '../../cache/blob-store.ts';
import { type RateClock, RateWatch } from '../../upstream/rate-watch.ts';

/** Tells of a disk that hangs: something is asked of it, and nothing has come back for a while (K10). */
export type SpoolWatch = {
  /** One more operation is under way. */
  began(): void;
  /** One of them has come back, however. */
  cameBack(): void;
  /** Nothing is told from now on. */
  end(): void;
};

/** Milliseconds; as long as a kept blob is waited for. */
const HANGS_MS = 10_000;

/** @param hangs called once at most */
export function createSpoolWatch(hangs: () => void, clock?: RateClock): SpoolWatch {
  // A byte for each operation that comes back, and one in a window is enough.
  const rate = new RateWatch({ bytesPerSecond: 1000 / HANGS_MS, windowMs: HANGS_MS }, hangs, clock);
  let pending = 0;
  return {
    began() {
      pending += 1;
      if (pending === 1) rate.resume();
    },
    cameBack() {
      pending -= 1;
      rate.moved(1);
      if (pending === 0) rate.pause();
    },
    end: () => rate.end(),
  };
}

/** The same partial, its reads and writes being watched. */
export function watchPartial(partial: PartialBlob, watch: SpoolWatch): PartialBlob {
  async function watched<T>(act: () => Promise<T>): Promise<T> {
    watch.began();
    try {
      return await act();
    } finally {
      watch.cameBack();
    }
  }
  return {
    digest: partial.digest,
    length: partial.length,
    pieceBytes: partial.pieceBytes,
    pieceCount: partial.pieceCount,
    get path() {
      return partial.path;
    },
    // These may read a whole piece, however large the configuration has it: that can take its time.
    has: (piece) => partial.has(piece),
    complete: (piece) => partial.complete(piece),
    write: (position, bytes) => watched(() => partial.write(position, bytes)),
    read: (position, buffer) => watched(() => partial.read(position, buffer)),
    publish: () => partial.publish(),
    discard: () => partial.discard(),
    close: () => partial.close(),
  };
}
