import { NO_ROW } from './row-order.ts';

/**
 * Rows by the hash of their key: open addressing, linear probing, half full at most (Knuth, The Art of Computer Programming, 6.4, Algorithm L
 * and R). A place holds the hash beside the row, so that what is passed on the way is told apart without a look at its key.
 */
export type RowIndex = {
  /** The place of the first row with this hash; `NO_ROW` where there is none. */
  first(hash: number): number;
  /** The place of the next one with the hash of this place. */
  next(place: number): number;
  row(place: number): number;
  add(hash: number, row: number): void;
  /** It is there. */
  remove(hash: number, row: number): void;
  /** Room for so many rows, a power of two. */
  reserve(rows: number): void;
};

/** Places for a row. */
const PLACES = 2;

/** Hashes are integers of 32 bits, signed. */
export function createRowIndex(): RowIndex {
  let hashes = new Int32Array(0);
  let rows = new Int32Array(0);
  let mask = 0;

  /** The first place from this one on that is empty or has this hash. */
  function seek(from: number, hash: number): number {
    let place = from & mask;
    while (rows[place] !== NO_ROW && hashes[place] !== hash) place = (place + 1) & mask;
    return place;
  }

  function found(place: number): number {
    return rows[place] === NO_ROW ? NO_ROW : place;
  }

  function add(hash: number, row: number): void {
    let place = hash & mask;
    while (rows[place] !== NO_ROW) place = (place + 1) & mask;
    hashes[place] = hash;
    rows[place] = row;
  }

  return {
    first: (hash) => found(seek(hash, hash)),
    next: (place) => found(seek(place + 1, hashes[place] ?? 0)),
    row: (place) => rows[place] ?? NO_ROW,
    add,
    remove(hash, row) {
      let hole = hash & mask;
      while (rows[hole] !== row) hole = (hole + 1) & mask;
      // Whoever was passed on from the hole, or from before it, moves there: nobody is to be looked for past an empty place.
      for (let place = (hole + 1) & mask; rows[place] !== NO_ROW; place = (place + 1) & mask) {
        const home = (hashes[place] ?? 0) & mask;
        if (((place - home) & mask) < ((place - hole) & mask)) continue;
        hashes[hole] = hashes[place] ?? 0;
        rows[hole] = rows[place] ?? NO_ROW;
        hole = place;
      }
      rows[hole] = NO_ROW;
    },
    reserve(count) {
      const [beforeHashes, beforeRows] = [hashes, rows];
      mask = count * PLACES - 1;
      hashes = new Int32Array(count * PLACES);
      rows = new Int32Array(count * PLACES).fill(NO_ROW);
      for (const [place, row] of beforeRows.entries()) if (row !== NO_ROW) add(beforeHashes[place] ?? 0, row);
    },
  };
}
