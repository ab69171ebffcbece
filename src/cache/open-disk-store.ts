import type { Logger } from 'pino';

import type { Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { describeCode, errorCode } from '../system/error-code.ts';
import type { BlobStore } from './blob-store.ts';
import { catalogIntervalMs, writeCatalog } from './catalog-file.ts';
import { createPartials } from './create-partials.ts';
import { StoreLockError } from './directory-lock.ts';
import { matchesDigest } from './hash-blob.ts';
import type { MemoryReads } from './memory-reads.ts';
import { createEntryOpener } from './open-entry.ts';
import { createPartialShelf } from './partial-shelf.ts';
import { makeDirectories, recoverStore } from './recover-store.ts';
import { type ScrubDeps, startScrub } from './start-scrub.ts';
import { createStoreCatalog } from './store-catalog.ts';
import { classifyStoreFailure } from './store-failure.ts';
import { DISK, type StoreFs } from './store-fs.ts';
import { createStoreHealth } from './store-health.ts';
import { storeLayout } from './store-layout.ts';
import { createStoreLock } from './store-lock.ts';
import { createStoreRoom } from './store-room.ts';
import { writeProbe } from './write-probe.ts';

export type DiskStoreOptions = {
  /** Made where it is missing; everything the store has is below `v1` in it. */
  readonly directory: string;
  /** Bytes on disk, published and partial. Blobs being read and fills under way may exceed it until they end. */
  readonly maxBytes: number;
  /** Bytes that others shall find free on this disk; 0: not looked at. */
  readonly minFreeBytes: number;
  /** Bytes of a piece of a new partial. */
  readonly pieceBytes: number;
  readonly metrics: Pick<
    Metrics,
    | 'cacheSizeBytes'
    | 'cacheEntries'
    | 'cacheEvictions'
    | 'cacheWriteFailures'
    | 'cacheDegraded'
    | 'cacheScrubbedBytes'
  >;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly fs?: StoreFs;
  /** Left out: every read is asynchronous. */
  readonly memoryReads?: MemoryReads;
  /** Told as soon as nobody finds a blob any more. */
  readonly onRemoved?: ((digest: Digest) => void) | undefined;
  /** How the scrub waits; tests bring their own. */
  readonly pause?: ScrubDeps['pause'];
  /** See `PartialsDeps`. */
  readonly roomWaitMs?: number;
};

/** Between two looks at what has to be done without anybody asking. */
const TICK_MS = 10_000;
/** Bytes that go before a full disk is tried again: a layer's worth. */
const FULL_DISK_BYTES = 64 * 1024 * 1024;
/** Nobody resumes after that. */
const PARTIAL_AGE_MS = 7 * 24 * 3600 * 1000;

/**
 * Opens the disk cache of this directory, recovering what the last process left.
 *
 * @throws {StoreLockError} where another process has it, or it can not be used at all
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<BlobStore> {
  const { directory, maxBytes, minFreeBytes, pieceBytes, metrics, log, now, fs = DISK } = options;
  const layout = storeLayout(directory);
  const catalog = createStoreCatalog();
  const shelf = createPartialShelf();
  const lock = createStoreLock({ fs, layout, directory, log });
  let closed = false;
  let savedChanges = 0;
  let savedAt = now();

  const room = createStoreRoom({
    fs,
    layout,
    catalog,
    shelf,
    maxBytes,
    minFreeBytes,
    metrics,
    onFailure: (error) => health.failed(classifyStoreFailure(error)),
    onRemoved: options.onRemoved,
  });
  const health = createStoreHealth({
    directory,
    metrics,
    log,
    now,
    check: () => lock.hold(),
    async probe() {
      await makeDirectories(fs, layout);
      await lock.hold();
      await room.make();
      // A disk that stays full must not keep for ever what was there when it became full.
      if (health.degraded === 'no_room' && health.relapsed) await room.evict(FULL_DISK_BYTES);
      await writeProbe(fs, layout.probe);
    },
  });

  const partials = createPartials({
    fs,
    layout,
    catalog,
    shelf,
    room,
    health,
    maxBytes,
    pieceBytes,
    now,
    roomWaitMs: options.roomWaitMs,
    onPublished: (digest, file) => entries.published(digest, file),
  });
  const entries = createEntryOpener({
    fs,
    layout,
    catalog,
    room,
    log,
    memoryReads: options.memoryReads,
    // It may have been all that kept the store over its limit; after the end the directory is another's.
    onClosed: () => closed || room.written(0),
  });

  async function start(): Promise<void> {
    try {
      await makeDirectories(fs, layout);
      await lock.hold();
    } catch (error) {
      // What can only be read can be served all the same, and no other process changes it.
      if (errorCode(error) !== 'EROFS') throw unusable(directory, error);
    }
    try {
      await writeProbe(fs, layout.probe);
    } catch (error) {
      health.failed(classifyStoreFailure(error));
      // A lock on what can only be read keeps nobody off: the probe that finds it writable takes one.
      if (errorCode(error) === 'EROFS') lock.release();
    }
    const {
      blobs,
      partials: left,
      removed,
    } = await recoverStore(fs, layout).catch((error: unknown) => {
      lock.release();
      throw unusable(directory, error);
    });
    catalog.replace(blobs);
    for (const partial of left) shelf.leave(partial);
    log.info(
      { directory, blobs: blobs.size, bytes: catalog.bytes, partials: left.length, removed },
      'cache opened',
    );
    // The limit may be a new one; nobody waits for that.
    if (health.degraded === undefined) room.written(0);
  }

  async function verify(
    digest: Digest,
    signal: AbortSignal,
    onSlice?: (bytes: number) => Promise<void>,
  ): Promise<'ok' | 'removed' | 'absent'> {
    if (closed) return 'absent';
    const opened = await entries.open(digest);
    switch (opened.kind) {
      case 'absent':
        return 'absent';
      case 'damaged':
        return 'removed';
      case 'failed':
        throw opened.error;
      case 'open':
        try {
          if (await matchesDigest(opened.blob, digest, signal, onSlice)) return 'ok';
          await entries.removeDamaged(opened.entry, { error: 'its bytes have another digest' });
          return 'removed';
        } finally {
          opened.blob.close();
        }
    }
  }

  async function save(): Promise<void> {
    if (catalog.changes === savedChanges || health.degraded !== undefined) return;
    savedChanges = catalog.changes;
    savedAt = now();
    await writeCatalog(fs, layout.catalog, catalog.oldestFirst());
  }

  /** Never rejects. */
  async function tick(): Promise<void> {
    try {
      if (!(await health.mayWrite())) return;
      await room.dropPartials(now() - PARTIAL_AGE_MS);
      // Clocks are set back, too.
      if (Math.abs(now() - savedAt) >= catalogIntervalMs(catalog.size)) await save();
    } catch (error) {
      health.failed(classifyStoreFailure(error));
    }
  }

  await start();
  let ticking = Promise.resolve();
  const timer = setInterval(() => {
    ticking = ticking.then(tick);
  }, TICK_MS);
  timer.unref();
  const stopScrub = startScrub({
    digests: (from) => catalog.around(from),
    verify,
    metrics,
    log,
    ...(options.pause !== undefined && { pause: options.pause }),
  });
  const stopMetrics = [
    metrics.cacheSizeBytes.collect(() => [
      [{ state: 'published' }, catalog.bytes],
      [{ state: 'partial' }, shelf.bytes],
    ]),
    metrics.cacheEntries.collect(() => [
      [{ state: 'published' }, catalog.size],
      [{ state: 'partial' }, shelf.size],
    ]),
  ];

  return {
    async open(digest) {
      if (closed) return undefined;
      catalog.use(digest, now());
      const opened = await entries.open(digest);
      if (opened.kind === 'open') return opened.blob;
      if (opened.kind === 'failed') {
        log.warn({ digest, error: describeCode(opened.error) }, 'cached blob can not be opened');
      }
      return undefined;
    },
    openPartial: async (digest, length, scope) => (closed ? undefined : partials.open(digest, length, scope)),
    async *list() {
      yield* catalog.oldestFirst();
    },
    async remove(digest) {
      if (!catalog.has(digest)) return 'absent';
      if (catalog.isPinned(digest)) return 'in_use';
      await room.remove(digest, 'removed');
      return 'removed';
    },
    verify: (digest, signal) => verify(digest, signal),
    async collect() {
      try {
        return (await room.dropPartials(now() - PARTIAL_AGE_MS)) + (await room.make());
      } catch (error) {
        const failure = classifyStoreFailure(error);
        health.failed(failure);
        throw failure;
      }
    },
    get usage() {
      return {
        bytes: catalog.bytes,
        entries: catalog.size,
        partialBytes: shelf.bytes,
        partials: shelf.size,
        degraded: health.degraded,
      };
    },
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      for (const stop of stopMetrics) stop();
      await Promise.all([ticking, stopScrub()]);
      await partials.close();
      await room.settled();
      await save().catch((error: unknown) => {
        log.warn({ directory, error: describeCode(error) }, 'the catalog of the cache was not saved');
      });
      lock.release();
    },
  };
}

function unusable(directory: string, error: unknown): StoreLockError {
  if (error instanceof StoreLockError) return error;
  return new StoreLockError(
    'store_unusable',
    `the cache directory ${directory} can not be used (${describeCode(error)}): check that it is a directory, its owner and its mode`,
    error,
  );
}
