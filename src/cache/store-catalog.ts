import type { Digest } from '../oci/digest.ts';

/** A published blob. */
export type CatalogEntry = {
  readonly digest: Digest;
  readonly bytes: number;
  readonly publishedAt: number;
  lastUsedAt: number;
  /** Open readers; it is not evicted while there is one. */
  pins: number;
  /** Neighbours in the order of use, the catalog's own business. */
  older: CatalogEntry | undefined;
  newer: CatalogEntry | undefined;
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
  /** To be walked at once: whoever waits in between takes a copy first. */
  oldestFirst(): IterableIterator<CatalogEntry>;
  readonly size: number;
  readonly bytes: number;
  readonly pinnedBytes: number;
  /** Grows with each change of what the catalog file should say. */
  readonly changes: number;
};

/**
 * The order is a list of its own: a Map that is told to forget a key and take it again keeps a grave for each time, in the same chain,
 * and walks over all of them whenever that key is set, until it is as full of graves as of entries.
 */
export function createStoreCatalog(): StoreCatalog {
  let entries = new Map<string, CatalogEntry>();
  let oldest: CatalogEntry | undefined;
  let newest: CatalogEntry | undefined;
  let bytes = 0;
  let pinnedBytes = 0;
  let changes = 0;

  function link(entry: CatalogEntry): void {
    entry.older = newest;
    entry.newer = undefined;
    if (newest === undefined) oldest = entry;
    else newest.newer = entry;
    newest = entry;
  }

  function unlink(entry: CatalogEntry): void {
    const { older, newer } = entry;
    if (older === undefined) oldest = newer;
    else older.newer = newer;
    if (newer === undefined) newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
  }

  /** In place of another of its digest, if there is one. */
  function put(entry: CatalogEntry): void {
    const other = entries.get(entry.digest);
    if (other !== undefined) {
      unlink(other);
      bytes -= other.bytes;
    }
    entries.set(entry.digest, entry);
    link(entry);
    bytes += entry.bytes;
    changes += 1;
  }

  return {
    get: (digest) => entries.get(digest),
    replace(recovered) {
      entries = recovered;
      oldest = undefined;
      newest = undefined;
      bytes = 0;
      pinnedBytes = 0;
      for (const entry of recovered.values()) {
        link(entry);
        bytes += entry.bytes;
        if (entry.pins > 0) pinnedBytes += entry.bytes;
      }
      changes += recovered.size;
    },
    add(digest, length, publishedAt, lastUsedAt) {
      const entry = {
        digest,
        bytes: length,
        publishedAt,
        lastUsedAt,
        pins: 0,
        older: undefined,
        newer: undefined,
      };
      put(entry);
      return entry;
    },
    use(entry, now) {
      if (entries.get(entry.digest) !== entry) return;
      entry.lastUsedAt = now;
      unlink(entry);
      link(entry);
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
      unlink(entry);
      bytes -= entry.bytes;
      changes += 1;
      return true;
    },
    restore: put,
    *oldestFirst() {
      for (let entry = oldest; entry !== undefined; ) {
        // It may be gone when this goes on.
        const next: CatalogEntry | undefined = entry.newer;
        yield entry;
        entry = next;
      }
    },
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
