import { dirname } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import { errorCode } from '../system/error-code.ts';
import type { PartialBlob, StoredBlob } from './blob-store.ts';
import { createPartialBlob } from './create-partial-blob.ts';
import type { PartialShelf } from './partial-shelf.ts';
import { openSpoolFiles } from './spool-files.ts';
import type { StoreCatalog } from './store-catalog.ts';
import { classifyStoreFailure } from './store-failure.ts';
import { type FileHandle, removeFile, type StoreFs } from './store-fs.ts';
import type { StoreHealth } from './store-health.ts';
import { DIRECTORY_MODE, type StoreLayout } from './store-layout.ts';
import type { StoreRoom } from './store-room.ts';

export type Partials = {
  /** Undefined where it has an owner, is published, does not fit, or the disk can not take it now. */
  open(digest: Digest, length: number, scope: string): Promise<PartialBlob | undefined>;
  /** Ends those that are open, as their owners' `close` does. */
  close(): Promise<void>;
};

export type PartialsDeps = {
  readonly fs: StoreFs;
  readonly layout: StoreLayout;
  readonly catalog: StoreCatalog;
  readonly shelf: PartialShelf;
  readonly room: StoreRoom;
  readonly health: StoreHealth;
  readonly maxBytes: number;
  readonly pieceBytes: number;
  readonly now: () => number;
  /** Milliseconds that a new partial may wait for room; for tests. */
  readonly roomWaitMs?: number | undefined;
  /** It is in the catalog now. */
  readonly onPublished: (digest: Digest, file: FileHandle) => StoredBlob;
};

/**
 * Where a new limit has many blobs go, that takes its time: whoever comes meanwhile streams. Less than the patience with a disk, which would
 * have nothing more asked of it, kept blobs included.
 */
const ROOM_WAIT_MS = 2_000;

/** Partials with their owners, in the store's books from the first byte to the last. */
export function createPartials(deps: PartialsDeps): Partials {
  const { fs, layout, catalog, shelf, room, health, maxBytes, pieceBytes, now } = deps;
  const { roomWaitMs = ROOM_WAIT_MS } = deps;
  const live = new Set<PartialBlob>();
  const opening = new Set<Promise<unknown>>();
  let closing = false;

  async function open(digest: Digest, length: number, scope: string): Promise<PartialBlob | undefined> {
    if (closing || catalog.has(digest) || shelf.isOwned(digest)) return undefined;
    // What was promised can be kept: nothing of these can be evicted.
    if (shelf.promisedBytes + catalog.pinnedBytes + length > maxBytes) return undefined;
    shelf.own(digest, length);
    try {
      const partial = await openTracked(digest, length, scope);
      if (partial !== undefined) return partial;
    } catch (error) {
      health.failed(classifyStoreFailure(error));
    }
    shelf.disown(digest, undefined);
    return undefined;
  }

  async function openTracked(
    digest: Digest,
    length: number,
    scope: string,
  ): Promise<PartialBlob | undefined> {
    const opened = (async () => {
      if (!(await health.mayWrite())) return undefined;
      // Others may have filled the disk since the last write.
      if (!(await isMadeInTime(room.make()))) return undefined;
      return openOwned(digest, length, scope);
    })();
    opening.add(opened);
    try {
      return await opened;
    } finally {
      opening.delete(opened);
    }
  }

  /** Rejects as `making` does while it is waited for. */
  async function isMadeInTime(making: Promise<number>): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => {
      late.resolve(false);
      making.catch((error: unknown) => health.failed(classifyStoreFailure(error)));
    }, roomWaitMs);
    try {
      return await Promise.race([making.then(() => true), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function openOwned(digest: Digest, length: number, scope: string): Promise<PartialBlob> {
    await room.removing(digest);
    const left = shelf.takeLeft(digest);
    try {
      if (left?.isWrong === true) {
        await removeFile(fs, layout.partial(digest).pieces);
        await removeFile(fs, layout.partial(digest).data);
      }
      return await openFiles(digest, length, scope);
    } catch (error) {
      if (left !== undefined) shelf.leave(left);
      throw error;
    }
  }

  async function openSpool(
    digest: Digest,
    header: Parameters<typeof openSpoolFiles>[2],
  ): ReturnType<typeof openSpoolFiles> {
    const paths = layout.partial(digest);
    try {
      return await openSpoolFiles(fs, paths, header);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      // It was made at the start, and somebody has taken it away.
      await fs.mkdir(dirname(paths.data), { mode: DIRECTORY_MODE });
      return openSpoolFiles(fs, paths, header);
    }
  }

  async function openFiles(digest: Digest, length: number, scope: string): Promise<PartialBlob> {
    const target = layout.blob(digest);
    const files = await openSpool(digest, { length, pieceBytes, scope });
    const partial = createPartialBlob({
      fs,
      digest,
      files,
      target,
      onAllocated(bytes) {
        shelf.grow(digest, bytes);
        room.written(bytes);
      },
      onFailure: (failure) => health.failed(failure),
      onPublished(file) {
        const at = now();
        catalog.add({ digest, bytes: length, publishedAt: at, lastUsedAt: at });
        return deps.onPublished(digest, file);
      },
      onEnded(left) {
        live.delete(partial);
        shelf.disown(digest, left && { ...left, digest, lastUsedAt: now() });
        room.written(0);
      },
    });
    live.add(partial);
    return partial;
  }

  return {
    open,
    async close() {
      closing = true;
      await Promise.allSettled(opening);
      await Promise.all([...live].map((partial) => partial.close()));
    },
  };
}
