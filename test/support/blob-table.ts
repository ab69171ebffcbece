import type { StoreEntry } from '../../src/cache/blob-store.ts';
import type { BlobTable } from '../../src/cache/blob-table.ts';
import { NO_ROW } from '../../src/cache/row-order.ts';

/** All of them, least recently used first. */
export function entriesOf(table: BlobTable | undefined): StoreEntry[] | undefined {
  if (table === undefined) return undefined;
  const entries: StoreEntry[] = [];
  for (let row = table.order.oldest; row !== NO_ROW; row = table.order.newer(row))
    entries.push(table.entry(row));
  return entries;
}
