import type { Logger } from 'pino';
import type { BlobPlaces, OpenRequest } from '../blob/blob-opener.ts';
import { createDiskPatience, patientStore } from '../blob/disk-patience.ts';
import { createFillBudget, FILL_LIMITS } from '../blob/fill/fill-deps.ts';
import type { OwnerPort } from '../blob/fill/fill-messages.ts';
import { createFills, type Fills } from '../blob/fill/fills.ts';
import type { ResumeLimits } from '../blob/resume.ts';
import { createSharedBlobs } from '../blob/shared/share-blobs.ts';
import { createStoredBlobs } from '../blob/stored-blob.ts';
import type { BlobStore } from '../cache/blob-store.ts';
import { createMemoryReads } from '../cache/memory-reads.ts';
import { guardStore } from '../cache/objects/guard-store.ts';
import { openObjectStore } from '../cache/objects/open-object-store.ts';
import { openDiskStore } from '../cache/open-disk-store.ts';
import { openPageCache } from '../cache/page-cache.ts';
import { DISK, DISK_AT_ONCE } from '../cache/store-fs.ts';
import { watchDisk } from '../cache/watch-disk.ts';
import type { CacheConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunningWork } from '../metrics/running-work.ts';
import type { Digest } from '../oci/digest.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';

/** The blob cache with what reads it and what fills it; without a directory there is neither. */
export type BlobShelf = {
  readonly places: BlobPlaces;
  readonly store: BlobStore | undefined;
  /** Lets a reader of another process in: see `Fills.attach`. Undefined without a directory. */
  readonly attach: ((request: OpenRequest, port: OwnerPort) => Promise<boolean>) | undefined;
  /** Fills end first, then the store. */
  close(): Promise<void>;
};

/** @throws StoreLockError where another process has the directory, or it can not be used at all */
export async function openBlobPlaces(
  config: CacheConfig,
  deps: {
    readonly pool: BufferPool;
    readonly work: RunningWork;
    readonly metrics: Metrics;
    readonly log: Logger;
    readonly state: SharedState;
    readonly seal: StateSeal;
    readonly resumeLimits?: Partial<ResumeLimits> | undefined;
    /** Told as soon as nobody finds a blob any more. */
    readonly onRemoved?: (digest: Digest) => void;
  },
): Promise<BlobShelf> {
  const { pool, metrics, log, state, seal, resumeLimits } = deps;
  const { directory, maxBytes, minFreeBytes, pieceBytes } = config;
  if (directory === null) {
    return { places: {}, store: undefined, attach: undefined, close: async () => undefined };
  }
  // First: a file of credentials that can not be read is said before the disk is locked.
  const objects = config.store === null ? undefined : await openObjectStore(config.store);
  const memoryReads = createMemoryReads({ ...DISK_AT_ONCE, openPageCache, metrics, log });
  const store = await openDiskStore({
    directory,
    maxBytes,
    minFreeBytes,
    pieceBytes,
    metrics,
    log,
    now: Date.now,
    fs: watchDisk(DISK, deps.work),
    memoryReads,
    onRemoved: deps.onRemoved,
  });
  const shared =
    objects === undefined
      ? undefined
      : createSharedBlobs({
          objects: guardStore(objects, { metrics, log, now: () => performance.now() }),
          state,
          seal,
          store,
          pieceBytes,
          metrics,
          log,
        });
  const patience = createDiskPatience({ log });
  const budget = createFillBudget(FILL_LIMITS);
  const fillsByScope = new Map<string, Fills>();
  const forgetMetric = metrics.fillsInFlight.collect(() => [
    [{}, [...fillsByScope.values()].reduce((sum, { size }) => sum + size, 0)],
  ]);

  /** One set per registry: what a source sent is not another registry's to believe before it is verified (K5). */
  function fillsOf(scope: string): Fills {
    const known = fillsByScope.get(scope);
    if (known !== undefined) return known;
    const fills = createFills({
      store: patientStore(shared?.storeFor(scope) ?? store, patience),
      scope,
      work: deps.work,
      pool,
      metrics,
      log,
      budget,
      resumeLimits,
      memoryReads,
    });
    fillsByScope.set(scope, fills);
    return fills;
  }

  const withStore = (request: OpenRequest): OpenRequest =>
    shared === undefined ? request : { ...request, source: shared.source(request) };

  return {
    places: {
      stored: createStoredBlobs({ store, pool, log, patience }),
      fills: {
        join: (request) => fillsOf(request.scope).join(withStore(request)),
      },
    },
    store,
    attach: (request, port) => fillsOf(request.scope).attach(withStore(request), port),
    async close() {
      await Promise.all([...fillsByScope.values()].map((fills) => fills.close()));
      forgetMetric();
      await shared?.close();
      await store.close();
    },
  };
}
