import { setTimeout as delay } from 'node:timers/promises';
import type { MemoryReads } from '../../cache/memory-reads.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { RunningWork } from '../../metrics/running-work.ts';
import type { Digest } from '../../oci/digest.ts';
import type { BufferPool } from '../../upstream/buffer-pool.ts';
import type { OpenRequest } from '../blob-opener.ts';
import type { OpenResult } from '../open-blob.ts';
import { WrongBlob } from '../wrong-content.ts';
import { Fill } from './fill.ts';
import {
  createFillBudget,
  FILL_LIMITS,
  type FillBudget,
  type FillDeps,
  type FillLimits,
  type FillLog,
} from './fill-deps.ts';
import type { OwnerMessage, OwnerPort, ReaderMessage } from './fill-messages.ts';
import { createPortPair } from './fill-port.ts';
import { createQuarantine } from './quarantine.ts';
import { readFill } from './read-fill.ts';
import { type OpenSpoolFile, openSpoolFile } from './spool-file.ts';

/** One fetch per blob, however many want it. */
export type Fills = {
  /**
   * The blob or one range of it from the fill under way or a new one. Undefined where there can be none now: the caller
   * streams.
   *
   * @throws UpstreamFailure before the first byte; the reason of the request's signal when that aborts
   */
  join(request: FillRequest): Promise<OpenResult | undefined>;
  /**
   * Lets a reader in that speaks through `port`, wherever it is; it joins by its first message. False where there can be no
   * fill now.
   *
   * @throws UpstreamFailure where its range can not be proved; the reason of the request's signal when that aborts
   */
  attach(request: FillRequest, port: OwnerPort): Promise<boolean>;
  /** Fills under way. */
  readonly size: number;
  /** Resolves when nothing of any fill is left. */
  close(): Promise<void>;
};

export type FillRequest = Pick<OpenRequest, 'digest' | 'source' | 'range' | 'knownLength' | 'signal'>;

export type FillsDeps = {
  readonly store: FillDeps['store'];
  /** See `FillDeps`. */
  readonly scope: string;
  readonly pool: BufferPool;
  readonly metrics: FillDeps['metrics'] & Pick<Metrics, 'fillJoins'>;
  readonly log: FillLog;
  /** See `FillDeps`. */
  readonly work?: RunningWork | undefined;
  readonly limits?: Partial<FillLimits>;
  /** Shared with other fills; left out: their own. */
  readonly budget?: FillBudget;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
  /** Unix milliseconds; left out: `now`, where that is given. */
  readonly unixNow?: () => number;
  readonly random?: () => number;
  readonly resumeLimits?: FillDeps['resumeLimits'];
  readonly setTimer?: FillDeps['setTimer'];
  readonly rateClock?: FillDeps['rateClock'];
  readonly openFile?: OpenSpoolFile;
  /** Of readers' files; left out: every read is asynchronous. */
  readonly memoryReads?: MemoryReads;
  /** Milliseconds that the next fill of a blob may have to wait for the end of the last one; for tests. */
  readonly endingMs?: number;
};

/** A disk that lets go of a spool is done by then; who waits longer for one that hangs may as well stream. */
const ENDING_MS = 5_000;

/** Seconds until a client whose range is refused may ask again. */
const QUARANTINE_RETRY_SECONDS = 60;

export function createFills(options: FillsDeps): Fills {
  const { metrics, pool, memoryReads } = options;
  const { openFile = (path) => openSpoolFile(path, memoryReads) } = options;
  const { now = () => performance.now(), unixNow = options.now ?? Date.now } = options;
  const { random = Math.random, setTimer = startTimer } = options;
  const limits = { ...FILL_LIMITS, ...options.limits };
  const quarantine = createQuarantine(now);
  const fills = new Map<Digest, Fill>();
  const budget = options.budget ?? createFillBudget(limits);
  const deps: FillDeps = { ...options, limits, now, unixNow, random, setTimer, quarantine, budget };
  let isClosing = false;

  function start(digest: Digest): Fill {
    const fill = new Fill(digest, deps);
    fills.set(digest, fill);
    void fill.ended.then(() => budget.close()).then(() => fills.delete(digest));
    return fill;
  }

  /** A range can not be proved alone, and somebody has lied about this blob. */
  function refuseUnproved({ digest, range, source }: FillRequest): void {
    if (range === undefined || !quarantine.has(digest)) return;
    throw new WrongBlob('destination_unavailable', source.where, QUARANTINED, {
      status: 503,
      retryAfterSeconds: QUARANTINE_RETRY_SECONDS,
    });
  }

  async function attach(request: FillRequest, port: OwnerPort): Promise<boolean> {
    const { digest, source, knownLength, signal } = request;
    for (;;) {
      signal.throwIfAborted();
      const known = fills.get(digest);
      if (known?.state === 'ending') {
        // Its spool is not free before.
        if (await hasEnded(known, options.endingMs ?? ENDING_MS, signal)) continue;
        metrics.fillJoins.inc({ result: 'refused' });
        return false;
      }
      if (known?.state !== 'verified') refuseUnproved(request);
      if (isClosing || (known === undefined && !budget.open())) {
        metrics.fillJoins.inc({ result: 'refused' });
        return false;
      }
      if (known === undefined) start(digest).begin(port, source, knownLength);
      else known.join(port, source, knownLength);
      metrics.fillJoins.inc({ result: known === undefined ? 'started' : 'joined' });
      return true;
    }
  }

  return {
    get size() {
      return fills.size;
    },
    async join(request) {
      const { range, signal } = request;
      const [readerPort, ownerPort] = createPortPair<ReaderMessage, OwnerMessage>();
      if (!(await attach(request, ownerPort))) return undefined;
      return readFill(readerPort, { range, signal }, { pool, openFile, rateClock: options.rateClock });
    },
    attach,
    async close() {
      isClosing = true;
      await Promise.all([...fills.values()].map((fill) => fill.close()));
    },
  };
}

const QUARANTINED =
  'the blob that its source sent was not what its digest says; ranges of it wait until it has been verified from elsewhere';

/** False: not in time. @throws the reason of `signal` when that aborts */
async function hasEnded(fill: Fill, milliseconds: number, signal: AbortSignal): Promise<boolean> {
  const waiting = new AbortController();
  const { signal: stopped } = waiting;
  const late = delay(milliseconds, false, { signal: AbortSignal.any([signal, stopped]) });
  try {
    return await Promise.race([fill.ended.then(() => true), late]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    late.catch(() => undefined);
    waiting.abort();
  }
}

function startTimer(milliseconds: number, fire: () => void): () => void {
  const timer = setTimeout(fire, milliseconds);
  return () => clearTimeout(timer);
}
