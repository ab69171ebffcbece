import type { Digest } from '../oci/digest.ts';
import type { StoreEntry } from './blob-store.ts';
import { type BlobTable, createBlobTable } from './blob-table.ts';
import { NO_ROW } from './row-order.ts';

/** A published blob that somebody has open: it is not evicted. One object for all who have it. */
export type PinnedEntry = Pick<StoreEntry, 'digest' | 'bytes'> & {
  /** The catalog's own business, like how many have it. */
  readonly row: number;
  pins: number;
};

/** What is published, in memory: a miss costs no look at the disk. */
export type StoreCatalog = {
  /** Takes what is in this table, which is the catalog's own from then on, in place of all there is: at a start, when that is nothing. */
  replace(recovered: BlobTable): void;
  has(digest: Digest): boolean;
  /** A new one, used last. */
  add(entry: StoreEntry): void;
  /** It is used last now, in Unix milliseconds; nothing where it is not there. */
  use(digest: Digest, now: number): void;
  /** Undefined where it is not there. For each there is one `unpin`. */
  pin(digest: Digest): PinnedEntry | undefined;
  unpin(entry: PinnedEntry): void;
  /** This very blob, and not one that came after it, is still there. */
  isCurrent(entry: PinnedEntry): boolean;
  /** From now on nobody finds it; who has it open keeps it. Undefined where it is not there. */
  take(digest: Digest): StoreEntry | undefined;
  isPinned(digest: Digest): boolean;
  /** The least recently used that nobody has open. */
  oldestUnpinned(): StoreEntry | undefined;
  /** Those of now, least recently used first; what goes before its turn is left out. To be walked to its end, or left by `return`. */
  oldestFirst(): Generator<StoreEntry, void, undefined>;
  /** Each of now once, whoever comes, goes and is used meanwhile, from this part of them on, 0 to 1. Costs no memory. */
  around(from: number): Generator<Digest, void, undefined>;
  readonly size: number;
  readonly bytes: number;
  readonly pinnedBytes: number;
  /** Grows with each change of what the catalog file should say. */
  readonly changes: number;
};

export function createStoreCatalog(): StoreCatalog {
  let table = createBlobTable();
  /** Of what is there. */
  const pins = new Map<Digest, PinnedEntry>();
  const pinnedRows = new Set<number>();
  let bytes = 0;
  let pinnedBytes = 0;
  let changes = 0;

  function take(digest: Digest): StoreEntry | undefined {
    const row = table.find(digest);
    if (row === NO_ROW) return undefined;
    const entry = table.entry(row);
    table.remove(row);
    pins.delete(digest);
    pinnedRows.delete(row);
    bytes -= entry.bytes;
    changes += 1;
    return entry;
  }

  return {
    replace(recovered) {
      table = recovered;
      for (let row = table.order.oldest; row !== NO_ROW; row = table.order.newer(row))
        bytes += table.bytes(row);
      changes += table.size;
    },
    has: (digest) => table.find(digest) !== NO_ROW,
    add(entry) {
      take(entry.digest);
      table.add(entry);
      bytes += entry.bytes;
      changes += 1;
    },
    use(digest, now) {
      const row = table.find(digest);
      if (row === NO_ROW) return;
      table.use(row, now);
      changes += 1;
    },
    pin(digest) {
      const pinned = pins.get(digest);
      if (pinned !== undefined) {
        pinned.pins += 1;
        return pinned;
      }
      const row = table.find(digest);
      if (row === NO_ROW) return undefined;
      const entry = { digest, bytes: table.bytes(row), row, pins: 1 };
      pins.set(digest, entry);
      pinnedRows.add(row);
      pinnedBytes += entry.bytes;
      return entry;
    },
    unpin(entry) {
      entry.pins -= 1;
      if (entry.pins > 0) return;
      pinnedBytes -= entry.bytes;
      if (pins.get(entry.digest) !== entry) return;
      pins.delete(entry.digest);
      pinnedRows.delete(entry.row);
    },
    isCurrent: (entry) => pins.get(entry.digest) === entry,
    take,
    isPinned: (digest) => pins.has(digest),
    oldestUnpinned() {
      for (let row = table.order.oldest; row !== NO_ROW; row = table.order.newer(row)) {
        if (!pinnedRows.has(row)) return table.entry(row);
      }
      return undefined;
    },
    *oldestFirst() {
      // The order of now: whoever is used meanwhile goes to the end of a living one, and would be met twice.
      const rows = new Int32Array(table.size);
      let count = 0;
      for (let row = table.order.oldest; row !== NO_ROW; row = table.order.newer(row)) rows[count++] = row;
      const release = table.keepNumbers();
      try {
        for (const row of rows) if (table.has(row)) yield table.entry(row);
      } finally {
        release();
      }
    },
    *around(from) {
      const { rows } = table;
      const first = Math.floor(from * rows);
      for (let step = 0; step < rows; step += 1) {
        const row = (first + step) % rows;
        if (table.has(row)) yield table.entry(row).digest;
      }
    },
    get size() {
      return table.size;
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
