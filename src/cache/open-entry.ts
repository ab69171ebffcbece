import type { Logger } from 'pino';

import type { Digest } from '../oci/digest.ts';
import { describeCode, errorCode } from '../system/error-code.ts';
import type { StoredBlob } from './blob-store.ts';
import { createStoredBlob } from './create-stored-blob.ts';
import type { MemoryReads, ReadsNow } from './memory-reads.ts';
import type { PinnedEntry, StoreCatalog } from './store-catalog.ts';
import { type FileHandle, READ_FILE, type StoreFs } from './store-fs.ts';
import type { StoreLayout } from './store-layout.ts';
import type { StoreRoom } from './store-room.ts';

export type OpenedEntry =
  | { readonly kind: 'open'; readonly blob: StoredBlob; readonly entry: PinnedEntry }
  /** It is not there, or its file is gone. */
  | { readonly kind: 'absent' }
  /** It was not what it was published as, and is removed. */
  | { readonly kind: 'damaged' }
  /** It is there, but can not be opened now. */
  | { readonly kind: 'failed'; readonly error: unknown };

export type EntryOpener = {
  open(digest: Digest): Promise<OpenedEntry>;
  /** The blob that this file has just become; its entry is there. */
  published(digest: Digest, file: FileHandle): StoredBlob;
  /** It is not what its digest says, or can not be read: nobody is to be given it again. */
  removeDamaged(entry: PinnedEntry, facts: object): Promise<void>;
};

/** Opens what is published, and takes out what turns out not to be readable as it was written: the source has it. */
export function createEntryOpener(deps: {
  readonly fs: StoreFs;
  readonly layout: StoreLayout;
  readonly catalog: StoreCatalog;
  readonly room: StoreRoom;
  readonly log: Logger;
  /** Undefined: nothing is read at once. */
  readonly memoryReads: MemoryReads | undefined;
  /** A blob was closed. */
  readonly onClosed: () => void;
}): EntryOpener {
  const { fs, layout, catalog, room, log, memoryReads, onClosed } = deps;

  async function removeDamaged(entry: PinnedEntry, facts: object): Promise<void> {
    const { digest } = entry;
    if (!catalog.isCurrent(entry)) return;
    log.error({ digest, ...facts }, 'cached blob is damaged: removed');
    await room.remove(digest, 'damaged');
  }

  function pinned(entry: PinnedEntry, file: FileHandle, now?: ReadsNow): StoredBlob {
    return createStoredBlob(file, {
      length: entry.bytes,
      path: layout.blob(entry.digest),
      now,
      onDamage(cause) {
        const facts = { error: cause === undefined ? 'its file was cut' : describeCode(cause) };
        // What can not be removed is out of the catalog all the same.
        removeDamaged(entry, facts).catch(() => {});
      },
      release() {
        catalog.unpin(entry);
        onClosed();
      },
    });
  }

  async function open(digest: Digest): Promise<OpenedEntry> {
    const entry = catalog.pin(digest);
    if (entry === undefined) return { kind: 'absent' };
    let file: FileHandle | undefined;
    try {
      const path = layout.blob(digest);
      file = await fs.open(path, READ_FILE);
      const { size, dev } = await file.stat();
      if (size === entry.bytes) {
        const now = await memoryReads?.of(file, path, dev);
        return { kind: 'open', blob: pinned(entry, file, now), entry };
      }
      await file.close();
      await removeDamaged(entry, { error: 'wrong length', size, expected: entry.bytes });
    } catch (error) {
      // One that nobody closes ends the process, when the collector finds it.
      await file?.close().catch(() => {});
      const isGone = errorCode(error) === 'ENOENT';
      if (isGone && catalog.isCurrent(entry)) catalog.take(digest);
      const isLink = errorCode(error) === 'ELOOP';
      // What can not be removed is out of the catalog all the same.
      if (isLink) await removeDamaged(entry, { error: 'it is a link' }).catch(() => {});
      catalog.unpin(entry);
      if (isLink) return { kind: 'damaged' };
      return isGone ? { kind: 'absent' } : { kind: 'failed', error };
    }
    catalog.unpin(entry);
    return { kind: 'damaged' };
  }

  return {
    open,
    published(digest, file) {
      const entry = catalog.pin(digest);
      if (entry === undefined) throw new Error('what is published is in the catalog');
      return pinned(entry, file);
    },
    removeDamaged,
  };
}
