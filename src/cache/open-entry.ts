import type { Logger } from 'pino';

import { describeCode, errorCode } from '../system/error-code.ts';
import type { StoredBlob } from './blob-store.ts';
import { createStoredBlob } from './create-stored-blob.ts';
import type { MemoryReads, ReadsNow } from './memory-reads.ts';
import type { CatalogEntry, StoreCatalog } from './store-catalog.ts';
import type { FileHandle, StoreFs } from './store-fs.ts';
import type { StoreLayout } from './store-layout.ts';
import type { StoreRoom } from './store-room.ts';

export type OpenedEntry =
  | { readonly kind: 'open'; readonly blob: StoredBlob }
  /** Its file is gone. */
  | { readonly kind: 'absent' }
  /** It was not what it was published as, and is removed. */
  | { readonly kind: 'damaged' }
  /** It is there, but can not be opened now. */
  | { readonly kind: 'failed'; readonly error: unknown };

export type EntryOpener = {
  open(entry: CatalogEntry): Promise<OpenedEntry>;
  /** A blob on this file, whose entry is pinned already, until it is closed. */
  pinned(entry: CatalogEntry, file: FileHandle): StoredBlob;
  /** It is not what its digest says, or can not be read: nobody is to be given it again. */
  removeDamaged(entry: CatalogEntry, facts: object): Promise<void>;
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

  async function removeDamaged(entry: CatalogEntry, facts: object): Promise<void> {
    const { digest } = entry;
    if (catalog.get(digest) !== entry) return;
    log.error({ digest, ...facts }, 'cached blob is damaged: removed');
    await room.remove(entry, 'damaged');
  }

  function pinned(entry: CatalogEntry, file: FileHandle, now?: ReadsNow): StoredBlob {
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

  async function open(entry: CatalogEntry): Promise<OpenedEntry> {
    catalog.pin(entry);
    let file: FileHandle | undefined;
    try {
      const path = layout.blob(entry.digest);
      file = await fs.open(path, 'r');
      const { size, dev } = await file.stat();
      if (size === entry.bytes) {
        const now = await memoryReads?.of(file, path, dev);
        return { kind: 'open', blob: pinned(entry, file, now) };
      }
      await file.close();
      await removeDamaged(entry, { error: 'wrong length', size, expected: entry.bytes });
    } catch (error) {
      // One that nobody closes ends the process, when the collector finds it.
      await file?.close().catch(() => {});
      catalog.unpin(entry);
      if (errorCode(error) !== 'ENOENT') return { kind: 'failed', error };
      catalog.delete(entry);
      return { kind: 'absent' };
    }
    catalog.unpin(entry);
    return { kind: 'damaged' };
  }

  return { open, pinned, removeDamaged };
}
