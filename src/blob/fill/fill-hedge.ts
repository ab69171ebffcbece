/**
 * When a request of a fill counts as slow, and how many bytes may be asked for twice because of that: a piece slower than
 * nearly all of its siblings stands behind a connection that is stuck, and another one is cheaper than the wait.
 */
export type FillHedge = {
  /** A request has brought all of its bytes in so many milliseconds. */
  sample(bytes: number, milliseconds: number): void;
  /** Milliseconds after which a request for so many bytes is slow; undefined while too little is known. */
  slowAfter(bytes: number): number | undefined;
  /** True: so many bytes may be asked for a second time. */
  reserve(bytes: number): boolean;
  /** They were not sent twice after all. */
  refund(bytes: number): void;
};

/** Of the blob: what may be asked for twice. */
const EXTRA_SHARE = 0.05;
/** Fewer requests say nothing of what is usual. */
const MIN_SAMPLES = 8;
/** The latest ones; what was usual an hour ago is not. */
const MAX_SAMPLES = 64;
const USUAL_SHARE = 0.95;
/**
 * Milliseconds: a new connection with its handshakes, and the noise of a busy machine: at 200, fifty cold clients on two cores had pieces
 * fetched twice that only their own number had slowed (1.03 × the blob).
 */
const MIN_SLOW_MS = 1000;

/** @param length bytes of the blob */
export function createFillHedge(length: number): FillHedge {
  /** Milliseconds per byte. */
  const samples: number[] = [];
  /** Milliseconds per byte. */
  let usual: number | undefined;
  let bytesLeft = Math.floor(length * EXTRA_SHARE);
  return {
    sample(bytes, milliseconds) {
      if (bytes <= 0) return;
      samples.push(milliseconds / bytes);
      if (samples.length > MAX_SAMPLES) samples.shift();
      if (samples.length < MIN_SAMPLES) return;
      const sorted = samples.toSorted((a, b) => a - b);
      usual = sorted[Math.ceil(sorted.length * USUAL_SHARE) - 1];
    },
    slowAfter: (bytes) => (usual === undefined ? undefined : Math.max(MIN_SLOW_MS, usual * bytes)),
    reserve(bytes) {
      if (bytes > bytesLeft) return false;
      bytesLeft -= bytes;
      return true;
    },
    refund(bytes) {
      bytesLeft += bytes;
    },
  };
}
