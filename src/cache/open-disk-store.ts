import type { Logger } from 'pino';

import type { Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { describeCode, errorCode } from '../system/error-code.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { writeCatalog } from './catalog-file.ts';
import { createPartials } from './create-partials.ts';
import { createStoredBlob } from './create-stored-blob.ts';
import { lockDirectory, StoreLockError } from './directory-lock.ts';
import { matchesDigest } from './hash-blob.ts';
import { createPartialShelf } from './partial-shelf.ts';
import { makeDirectories, recoverStore } from './recover-store.ts';
import { type ScrubDeps, startScrub } from './start-scrub.ts';
import { type CatalogEntry, createStoreCatalog } from './store-catalog.ts';
import { classifyStoreFailure } from './store-failure.ts';
import { DISK, type StoreFs } from './store-fs.ts';
import { createStoreHealth } from './store-health.ts';
import { storeLayout } from './store-layout.ts';
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
  /** How the scrub waits; tests bring their own. */
  readonly pause?: ScrubDeps['pause'];
};

/** Between two looks at what has to be done without anybody asking. */
const TICK_MS = 10_000;
/** When a blob was last used may be forgotten for so long by a kill. */
const SAVE_EVERY_MS = 60_000;
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
  let unlock: (() => void) | undefined;
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
  });
  const health = createStoreHealth({
    directory,
    metrics,
    log,
    now,
    async probe() {
      await makeDirectories(fs, layout);
      unlock ??= lockDirectory(layout.lock, directory);
      await room.make();
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
    onPublished(entry, file) {
      catalog.pin(entry);
      return pinned(entry, file);
    },
  });

  async function start(): Promise<void> {
    try {
      await makeDirectories(fs, layout);
      unlock = lockDirectory(layout.lock, directory);
    } catch (error) {
      // What can only be read can be served all the same, and no other process changes it.
      if (errorCode(error) !== 'EROFS') throw unusable(directory, error);
    }
    try {
      await writeProbe(fs, layout.probe);
    } catch (error) {
      health.failed(classifyStoreFailure(error));
      // A lock on what can only be read keeps nobody off: the probe that finds it writable takes one.
      if (errorCode(error) === 'EROFS') {
        unlock?.();
        unlock = undefined;
      }
    }
    const { blobs, partials: left, removed } = await recoverStore(fs, layout);
    for (const { digest, bytes, publishedAt, lastUsedAt } of blobs) {
      catalog.add(digest, bytes, publishedAt, lastUsedAt);
    }
    for (const partial of left) shelf.leave(partial);
    log.info(
      { directory, blobs: blobs.length, bytes: catalog.bytes, partials: left.length, removed },
      'cache opened',
    );
    // The limit may be a new one; nobody waits for that.
    if (health.degraded === undefined) room.written(0);
  }

  function pinned(entry: CatalogEntry, file: Parameters<typeof createStoredBlob>[0]): StoredBlob {
    return createStoredBlob(file, {
      length: entry.bytes,
      path: layout.blob(entry.digest),
      release() {
        catalog.unpin(entry);
        // It may have been all that kept the store over its limit.
        room.written(0);
      },
    });
  }

  async function openEntry(entry: CatalogEntry): Promise<StoredBlob | undefined> {
    catalog.pin(entry);
    try {
      const file = await fs.open(layout.blob(entry.digest), 'r');
      const { size } = await file.stat();
      if (size === entry.bytes) return pinned(entry, file);
      await file.close();
      log.error(
        { digest: entry.digest, size, expected: entry.bytes },
        'cached blob has the wrong length: removed',
      );
      await room.remove(entry, 'damaged');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') catalog.delete(entry);
      else log.warn({ digest: entry.digest, error: describeCode(error) }, 'cached blob can not be opened');
    }
    catalog.unpin(entry);
    return undefined;
  }

  async function verify(
    digest: Digest,
    signal: AbortSignal,
    onSlice?: (bytes: number) => Promise<void>,
  ): Promise<'ok' | 'removed' | 'absent'> {
    const entry = closed ? undefined : catalog.get(digest);
    const blob = entry === undefined ? undefined : await openEntry(entry);
    if (entry === undefined || blob === undefined) return 'absent';
    try {
      if (await matchesDigest(blob, digest, signal, onSlice)) return 'ok';
      log.error({ digest }, 'cached blob is damaged: removed');
      await room.remove(entry, 'damaged');
      return 'removed';
    } finally {
      blob.close();
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
      if (now() - savedAt >= SAVE_EVERY_MS) await save();
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
    digests: () => Array.from(catalog.oldestFirst(), ({ digest }) => digest),
    verify,
    metrics,
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
      const entry = closed ? undefined : catalog.get(digest);
      if (entry === undefined) return undefined;
      catalog.use(entry, now());
      return openEntry(entry);
    },
    openPartial: async (digest, length, scope) => (closed ? undefined : partials.open(digest, length, scope)),
    async *list() {
      // Of now: an order that moves with each use has no end.
      const entries = [...catalog.oldestFirst()];
      for (const { digest, bytes, lastUsedAt, publishedAt } of entries) {
        yield { digest, bytes, lastUsedAt, publishedAt };
      }
    },
    async remove(digest) {
      const entry = catalog.get(digest);
      if (entry === undefined) return 'absent';
      if (entry.pins > 0) return 'in_use';
      await room.remove(entry, 'removed');
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
      unlock?.();
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
