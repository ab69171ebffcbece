import type { BlobStore } from '../../cache/blob-store.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { RunningWork } from '../../metrics/running-work.ts';
import type { BufferPool } from '../../upstream/buffer-pool.ts';
import type { RateClock } from '../../upstream/rate-watch.ts';
import type { ResumeLimits } from '../resume.ts';
import type { Quarantine } from './quarantine.ts';

/** Bounds of what fills may take, all of them together and each. */
export type FillLimits = {
  /** Fills at a time; beyond that, clients stream. */
  readonly maxFills: number;
  /** Bytes of the blobs that are being filled. */
  readonly maxSpoolBytes: number;
  /** Requests to sources at a time; each fill has one in any case, and each request holds at most 2 MiB of buffers. */
  readonly maxTransfers: number;
  /** Requests of one fill at a time. */
  readonly maxWidth: number;
};

export const FILL_LIMITS: FillLimits = {
  maxFills: 256,
  maxSpoolBytes: 1024 * 1024 * 1024 * 1024,
  maxTransfers: 64,
  // Eight connections of 60 MB/s fill a line of 4 Gbit/s; more of them is no longer what one client may ask of a host.
  maxWidth: 8,
};

export type FillLog = {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
};

export type FillDeps = {
  readonly store: Pick<BlobStore, 'open' | 'openPartial'>;
  /** Whose sources these are: what they left unverified is of use to them alone. */
  readonly scope: string;
  readonly pool: BufferPool;
  readonly metrics: Pick<
    Metrics,
    'fills' | 'blobResumes' | 'fillHedges' | 'upstreamFailures' | 'blobDigestMismatches'
  >;
  readonly limits: FillLimits;
  readonly log: FillLog;
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number;
  /** Unix milliseconds: a link says by them when it ends. */
  readonly unixNow: () => number;
  /** From 0 up to 1: spreads what would be asked again at the same moment. */
  readonly random: () => number;
  /** Replaces limits of patience with each host, for tests that have none. */
  readonly resumeLimits?: Partial<ResumeLimits> | undefined;
  /** Calls back after so many milliseconds, unless it is cancelled by what it returns. */
  readonly setTimer: (milliseconds: number, fire: () => void) => () => void;
  /** For tests: by which a disk that hangs is told. */
  readonly rateClock?: RateClock | undefined;
  readonly quarantine: Quarantine;
  readonly budget: FillBudget;
  /** Where the fill can be seen while it is under way; left out: nowhere. */
  readonly work?: RunningWork | undefined;
};

/** What all fills share. */
export type FillBudget = {
  /** True: one more fill may begin; it says so with `close` when nothing of it is left. */
  open(): boolean;
  close(): void;
  /** True: the fill may have a blob of so many bytes; it gives them back with `release`. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  /** True: the fill, which has `own` requests under way, may start one more; it says so with `ended` afterwards. */
  start(own: number): boolean;
  ended(): void;
};

export function createFillBudget(limits: FillLimits): FillBudget {
  let bytesLeft = limits.maxSpoolBytes;
  let transfers = 0;
  let fills = 0;
  return {
    open() {
      if (fills >= limits.maxFills) return false;
      fills += 1;
      return true;
    },
    close() {
      fills -= 1;
    },
    reserve(bytes) {
      if (bytes > bytesLeft) return false;
      bytesLeft -= bytes;
      return true;
    },
    release(bytes) {
      bytesLeft += bytes;
    },
    start(own) {
      if (own > 0 && transfers >= limits.maxTransfers) return false;
      transfers += 1;
      return true;
    },
    ended() {
      transfers -= 1;
    },
  };
}
