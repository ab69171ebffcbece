import type { CacheEviction, Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import type { PartialShelf } from './partial-shelf.ts';
import type { StoreCatalog } from './store-catalog.ts';
import { StoreFailure } from './store-failure.ts';
import { removeFile, type StoreFs } from './store-fs.ts';
import type { StoreLayout } from './store-layout.ts';

/** Keeps the store within its limits: least recently used first, whole and partial alike; what is in use stays. */
export type StoreRoom = {
  /** Removes a published blob, whoever reads it. */
  remove(digest: Digest, reason: CacheEviction): Promise<void>;
  /** The removal of this digest's file that is under way: until then its name is not free. */
  removing(digest: Digest): Promise<void> | undefined;
  /** Down to `maxBytes`, and up to `minFreeBytes` on the disk. Returns the bytes freed. @throws StoreFailure no_room */
  make(): Promise<number>;
  /** The disk is full, whatever the limits say: so many bytes go, where there are as many. */
  evict(bytes: number): Promise<void>;
  /** So many bytes were written; room is made in the background where it is time to. */
  written(bytes: number): void;
  /** Partials that nobody has used since then go. Returns the bytes freed. */
  dropPartials(before: number): Promise<number>;
  /** Everything begun has ended. */
  settled(): Promise<void>;
};

export type StoreRoomDeps = {
  readonly fs: StoreFs;
  readonly layout: StoreLayout;
  readonly catalog: StoreCatalog;
  readonly shelf: PartialShelf;
  readonly maxBytes: number;
  readonly minFreeBytes: number;
  readonly metrics: Pick<Metrics, 'cacheEvictions'>;
  readonly onFailure: (error: unknown) => void;
  /** Told as soon as nobody finds a blob any more: whoever keeps its file open is to let go. */
  readonly onRemoved?: ((digest: Digest) => void) | undefined;
};

/** Bytes between two questions how full the disk is: others write there, too. */
const LOOK_BYTES = 64 * 1024 * 1024;

export function createStoreRoom(deps: StoreRoomDeps): StoreRoom {
  const { fs, layout, catalog, shelf, maxBytes, minFreeBytes, metrics } = deps;
  const removals = new Map<Digest, Promise<void>>();
  /** One at a time, so that two do not evict for the same bytes. */
  let making: Promise<number> | undefined;
  let sinceLook = 0;

  /** From now on nobody finds it; the file is gone when the promise resolves. */
  function removeAt(digest: Digest, paths: readonly string[], reason: CacheEviction): Promise<void> {
    const removal = (async () => {
      for (const path of paths) await removeFile(fs, path);
      metrics.cacheEvictions.inc({ reason });
    })().finally(() => {
      if (removals.get(digest) === removal) removals.delete(digest);
    });
    removals.set(digest, removal);
    return removal;
  }

  async function remove(digest: Digest, reason: CacheEviction): Promise<void> {
    const entry = catalog.take(digest);
    if (entry === undefined) return;
    deps.onRemoved?.(digest);
    try {
      await removeAt(digest, [layout.blob(digest)], reason);
    } catch (error) {
      // It takes its room as before. Damaged, it is not served again; the next process finds that out anew.
      if (reason !== 'damaged') catalog.add(entry);
      throw error;
    }
  }

  async function removeLeft(digest: Digest, reason: CacheEviction): Promise<void> {
    const left = shelf.takeLeft(digest);
    if (left === undefined) return;
    const { data, pieces } = layout.partial(digest);
    try {
      await removeAt(digest, [data, pieces], reason);
    } catch (error) {
      // One of its files may be gone.
      shelf.leave({ ...left, isWrong: true });
      throw error;
    }
  }

  /** Returns the bytes freed, 0 where nothing may go. */
  async function evictOne(reason: CacheEviction): Promise<number> {
    const partial = shelf.oldestLeft();
    const entry = catalog.oldestUnpinned();
    if (partial !== undefined && (entry === undefined || partial.lastUsedAt <= entry.lastUsedAt)) {
      await removeLeft(partial.digest, reason);
      return Math.max(1, partial.bytes);
    }
    if (entry === undefined) return 0;
    await remove(entry.digest, reason);
    return Math.max(1, entry.bytes);
  }

  async function makeRoom(): Promise<number> {
    let freed = 0;
    while (catalog.bytes + shelf.bytes > maxBytes) {
      const bytes = await evictOne('size');
      if (bytes === 0) break;
      freed += bytes;
    }
    if (minFreeBytes === 0) return freed;
    sinceLook = 0;
    for (;;) {
      const { bavail, bsize } = await fs.statfs(layout.root);
      let missing = minFreeBytes - bavail * bsize;
      if (missing <= 0) return freed;
      // The file system may give room back late: what was freed is taken at its word before it is asked again.
      while (missing > 0) {
        const bytes = await evictOne('free_space');
        if (bytes === 0) {
          throw new StoreFailure('no_room', 'the disk of the cache has less than its minimum of free space');
        }
        missing -= bytes;
        freed += bytes;
      }
    }
  }

  function make(): Promise<number> {
    making ??= makeRoom().finally(() => {
      making = undefined;
    });
    return making;
  }

  return {
    remove,
    removing: (digest) => removals.get(digest),
    make,
    async evict(wanted) {
      for (let freed = 0; freed < wanted; ) {
        const bytes = await evictOne('free_space');
        if (bytes === 0) return;
        freed += bytes;
      }
    },
    written(bytes) {
      sinceLook += bytes;
      if (catalog.bytes + shelf.bytes <= maxBytes && sinceLook < LOOK_BYTES) return;
      sinceLook = 0;
      make().catch(deps.onFailure);
    },
    async dropPartials(before) {
      let freed = 0;
      for (;;) {
        const oldest = shelf.oldestLeft();
        if (oldest === undefined || oldest.lastUsedAt >= before) return freed;
        freed += oldest.bytes;
        await removeLeft(oldest.digest, 'age');
      }
    },
    async settled() {
      await Promise.allSettled([making, ...removals.values()]);
    },
  };
}
