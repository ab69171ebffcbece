import type { Digest } from '../oci/digest.ts';

/** A published blob. */
export type CatalogEntry = {
  readonly digest: Digest;
  readonly bytes: number;
  readonly publishedAt: number;
  lastUsedAt: number;
  /** Open readers; it is not evicted while there is one. */
  pins: number;
};

/** What is published, in memory, least recently used first: a miss costs no look at the disk. */
export type StoreCatalog = {
  get(digest: Digest): CatalogEntry | undefined;
  /** Takes these, least recently used first, in place of all there are: at a start, when there are none. */
  replace(recovered: Map<string, CatalogEntry>): void;
  /** A new one, used last. */
  add(digest: Digest, bytes: number, publishedAt: number, lastUsedAt: number): CatalogEntry;
  use(entry: CatalogEntry, now: number): void;
  pin(entry: CatalogEntry): void;
  unpin(entry: CatalogEntry): void;
  /** False where this very entry is no longer there. */
  delete(entry: CatalogEntry): boolean;
  /** It is there after all, and used last. */
  restore(entry: CatalogEntry): void;
  oldestFirst(): IterableIterator<CatalogEntry>;
  readonly size: number;
  readonly bytes: number;
  readonly pinnedBytes: number;
  /** Grows with each change of what the catalog file should say. */
  readonly changes: number;
};

export function createStoreCatalog(): StoreCatalog {
  let entries = new Map<string, CatalogEntry>();
  let bytes = 0;
  let pinnedBytes = 0;
  let changes = 0;
  return {
    get: (digest) => entries.get(digest),
    replace(recovered) {
      entries = recovered;
      bytes = 0;
      pinnedBytes = 0;
      for (const entry of recovered.values()) {
        bytes += entry.bytes;
        if (entry.pins > 0) pinnedBytes += entry.bytes;
      }
      changes += recovered.size;
    },
    add(digest, length, publishedAt, lastUsedAt) {
      const entry: CatalogEntry = { digest, bytes: length, publishedAt, lastUsedAt, pins: 0 };
      entries.set(digest, entry);
      bytes += length;
      changes += 1;
      return entry;
    },
    use(entry, now) {
      if (entries.get(entry.digest) !== entry) return;
      entry.lastUsedAt = now;
      entries.delete(entry.digest);
      entries.set(entry.digest, entry);
      changes += 1;
    },
    pin(entry) {
      if (entry.pins === 0) pinnedBytes += entry.bytes;
      entry.pins += 1;
    },
    unpin(entry) {
      entry.pins -= 1;
      if (entry.pins === 0) pinnedBytes -= entry.bytes;
    },
    delete(entry) {
      if (entries.get(entry.digest) !== entry) return false;
      entries.delete(entry.digest);
      bytes -= entry.bytes;
      changes += 1;
      return true;
    },
    restore(entry) {
      entries.set(entry.digest, entry);
      bytes += entry.bytes;
      changes += 1;
    },
    oldestFirst: () => entries.values(),
    get size() {
      return entries.size;
    },
    get bytes() {
      return bytes;
    },
    get pinnedBytes() {
      return pinnedBytes;
    },
    get changes() {
      return changes;
    },
  };
}
