/** Rows of a table by their last use, each with its neighbours in two columns. */
export type RowOrder = {
  /** It is the newest now. Not for one that is in the order already. */
  add(row: number): void;
  remove(row: number): void;
  /** There are columns for so many rows, at least. */
  reserve(rows: number): void;
  /** All of them, in the order of `compare`, whose equals stay as they are. */
  sort(compare: (a: number, b: number) => number): void;
  /** The least recently used; `NO_ROW` where there is none. */
  readonly oldest: number;
  /** The one that was used next; `NO_ROW` after the newest. */
  newer(row: number): number;
};

export const NO_ROW = -1;

export function createRowOrder(): RowOrder {
  let olderOf = new Int32Array(0);
  let newerOf = new Int32Array(0);
  let oldest = NO_ROW;
  let newest = NO_ROW;

  function add(row: number): void {
    olderOf[row] = newest;
    newerOf[row] = NO_ROW;
    if (newest === NO_ROW) oldest = row;
    else newerOf[newest] = row;
    newest = row;
  }

  return {
    add,
    remove(row) {
      const [older, newer] = [olderOf[row] ?? NO_ROW, newerOf[row] ?? NO_ROW];
      if (older === NO_ROW) oldest = newer;
      else newerOf[older] = newer;
      if (newer === NO_ROW) newest = older;
      else olderOf[newer] = older;
    },
    reserve(rows) {
      olderOf = extended(olderOf, new Int32Array(rows));
      newerOf = extended(newerOf, new Int32Array(rows));
    },
    sort(compare) {
      const rows: number[] = [];
      for (let row = oldest; row !== NO_ROW; row = newerOf[row] ?? NO_ROW) rows.push(row);
      oldest = NO_ROW;
      newest = NO_ROW;
      for (const row of rows.toSorted(compare)) add(row);
    },
    get oldest() {
      return oldest;
    },
    newer: (row) => newerOf[row] ?? NO_ROW,
  };
}

/** The larger column, with what the smaller one holds. */
export function extended<Column extends Int32Array | Float64Array | Uint8Array>(
  column: Column,
  larger: Column,
): Column {
  larger.set(column);
  return larger;
}
