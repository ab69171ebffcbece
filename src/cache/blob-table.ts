import { randomInt } from 'node:crypto';

import { type Digest, type DigestAlgorithm, digestAlgorithm, sha256Digest } from '../oci/digest.ts';
import type { StoreEntry } from './blob-store.ts';
import { createRowIndex } from './row-index.ts';
import { createRowOrder, extended, NO_ROW, type RowOrder } from './row-order.ts';

/**
 * Blobs by digest, in columns of numbers: with an object, a string and a place in a Map for each, a million take four times the memory, and
 * most of a start (ADR 0025). A blob is a row, and its number is its own until it is removed.
 */
export type BlobTable = {
  /** Of the last use. */
  readonly order: Pick<RowOrder, 'oldest' | 'newer'>;
  /** `NO_ROW` where it is not there. */
  find(digest: Digest): number;
  /** The same for the name of a file, whatever that is. */
  findHex(algorithm: DigestAlgorithm, hex: string): number;
  /** A new row, used last; in place of another of its digest, if there is one. */
  add(entry: StoreEntry): number;
  /** The same, its digest being the 32 bytes at this place. */
  addSha256(content: Uint8Array, at: number, facts: Omit<StoreEntry, 'digest'>): number;
  remove(row: number): void;
  /** It is used last now, in Unix milliseconds. */
  use(row: number, now: number): void;
  /** The order is that of the times of last use, after which it may be another. */
  sortByUse(): void;
  has(row: number): boolean;
  entry(row: number): StoreEntry;
  bytes(row: number): number;
  /** Until the returned function is called, the number of a row that is removed is not given to another. */
  keepNumbers(): () => void;
  readonly size: number;
  /** Every number is below that. */
  readonly rows: number;
};

/** Of a SHA-256, and as much of a longer digest as the columns hold. */
const KEY_BYTES = 32;
const KEY_WORDS = KEY_BYTES / Uint32Array.BYTES_PER_ELEMENT;
const HEX_DIGITS: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
/** What a digest begins with, `sha256:` and `sha512:` alike. */
const ALGORITHM_CHARACTERS = 7;
/** Rows that there is room for at first. */
const MIN_CAPACITY = 256;
/** In place of a length. */
const REMOVED = -1;

/** @param expected so many blobs find room before the columns have to grow */
export function createBlobTable(expected = 0): BlobTable {
  /** A power of two. */
  let capacity = 0;
  let keys: Buffer<ArrayBuffer> = Buffer.alloc(0);
  let keyWords = new Uint32Array(0);
  let lengths = new Float64Array(0);
  let publishedAt = new Float64Array(0);
  let lastUsedAt = new Float64Array(0);
  /** Digests whose beginning is all that the columns hold. */
  const longer = new Map<number, Digest>();
  const index = createRowIndex();
  const order = createRowOrder();
  let rows = 0;
  let size = 0;
  /** Rows that anybody may have, and those that nobody may while there are keepers. */
  const free: number[] = [];
  let kept: number[] = [];
  let keepers = 0;

  /** What is looked for or added. */
  const wanted = new Uint8Array(KEY_BYTES);
  const wantedWords = new Uint32Array(wanted.buffer);
  // Whoever can choose digests must not be able to choose which of them have one hash.
  const [seed, factor] = [randomInt(2 ** 32), randomInt(2 ** 31) * 2 + 1];

  function hashOf(words: Uint32Array, at: number): number {
    const mixed = Math.imul((words[at] ?? 0) ^ seed, GOLDEN) ^ Math.imul(words[at + 1] ?? 0, factor);
    return mixed ^ (mixed >>> 16);
  }

  function resize(to: number): void {
    capacity = to;
    keys = extended(keys, Buffer.alloc(capacity * KEY_BYTES));
    keyWords = new Uint32Array(keys.buffer, keys.byteOffset, capacity * KEY_WORDS);
    lengths = extended(lengths, new Float64Array(capacity));
    publishedAt = extended(publishedAt, new Float64Array(capacity));
    lastUsedAt = extended(lastUsedAt, new Float64Array(capacity));
    index.reserve(capacity);
    order.reserve(capacity);
  }

  function has(row: number): boolean {
    return row < rows && lengths[row] !== REMOVED;
  }

  /** @param whole undefined where `wanted` is all of it */
  function findWanted(whole: string | undefined): number {
    let place = index.first(hashOf(wantedWords, 0));
    while (place !== NO_ROW) {
      const row = index.row(place);
      if (isWanted(row) && longer.get(row) === whole) return row;
      place = index.next(place);
    }
    return NO_ROW;
  }

  function isWanted(row: number): boolean {
    const at = row * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word += 1) {
      if (keyWords[at + word] !== wantedWords[word]) return false;
    }
    return true;
  }

  function find(digest: Digest): number {
    readHex(digest, ALGORITHM_CHARACTERS, wanted);
    return findWanted(wholeOf(digest));
  }

  function addWanted(whole: Digest | undefined, facts: Omit<StoreEntry, 'digest'>): number {
    const other = findWanted(whole);
    if (other !== NO_ROW) remove(other);
    const row = takeRow();
    keys.set(wanted, row * KEY_BYTES);
    if (whole !== undefined) longer.set(row, whole);
    lengths[row] = facts.bytes;
    publishedAt[row] = facts.publishedAt;
    lastUsedAt[row] = facts.lastUsedAt;
    index.add(hashOf(wantedWords, 0), row);
    order.add(row);
    size += 1;
    return row;
  }

  function takeRow(): number {
    const row = free.pop();
    if (row !== undefined) return row;
    if (rows === capacity) resize(capacity * 2);
    rows += 1;
    return rows - 1;
  }

  function remove(row: number): void {
    index.remove(hashOf(keyWords, row * KEY_WORDS), row);
    order.remove(row);
    longer.delete(row);
    lengths[row] = REMOVED;
    size -= 1;
    (keepers > 0 ? kept : free).push(row);
  }

  resize(2 ** Math.ceil(Math.log2(Math.max(MIN_CAPACITY, expected))));

  return {
    order,
    find,
    findHex(algorithm, hex) {
      if (hex.length !== HEX_DIGITS[algorithm] || !readHex(hex, 0, wanted)) return NO_ROW;
      return findWanted(algorithm === 'sha256' ? undefined : `${algorithm}:${hex}`);
    },
    add(entry) {
      readHex(entry.digest, ALGORITHM_CHARACTERS, wanted);
      return addWanted(wholeOf(entry.digest), entry);
    },
    addSha256(content, at, facts) {
      for (let byte = 0; byte < KEY_BYTES; byte += 1) wanted[byte] = content[at + byte] ?? 0;
      return addWanted(undefined, facts);
    },
    remove,
    use(row, now) {
      lastUsedAt[row] = now;
      order.remove(row);
      order.add(row);
    },
    sortByUse() {
      order.sort((a, b) => (lastUsedAt[a] ?? 0) - (lastUsedAt[b] ?? 0));
    },
    has,
    entry: (row) => ({
      digest: longer.get(row) ?? sha256Digest(keys, row * KEY_BYTES),
      bytes: lengths[row] ?? 0,
      publishedAt: publishedAt[row] ?? 0,
      lastUsedAt: lastUsedAt[row] ?? 0,
    }),
    bytes: (row) => lengths[row] ?? 0,
    keepNumbers() {
      keepers += 1;
      let released = false;
      return () => {
        if (released) return;
        released = true;
        keepers -= 1;
        if (keepers > 0) return;
        for (const row of kept) free.push(row);
        kept = [];
      };
    },
    get size() {
      return size;
    },
    get rows() {
      return rows;
    },
  };
}

/** 2^32 divided by the golden ratio: multiplying by it spreads what differs little (Knuth, The Art of Computer Programming, 6.4). */
const GOLDEN = 0x9e3779b1;

/** The digest where a key does not hold all of it. */
function wholeOf(digest: Digest): Digest | undefined {
  return digestAlgorithm(digest) === 'sha256' ? undefined : digest;
}

/** As many bytes as `into` has; false where one of their digits is none, or in upper case. */
function readHex(text: string, from: number, into: Uint8Array): boolean {
  let all = 0;
  for (let at = 0; at < into.length; at += 1) {
    const high = hexDigit(text.charCodeAt(from + 2 * at));
    const low = hexDigit(text.charCodeAt(from + 2 * at + 1));
    all |= high | low;
    into[at] = (high << 4) | low;
  }
  return all <= MAX_DIGIT && all >= 0;
}

const MAX_DIGIT = 15;

/** Negative or more than 15 where it is none. ASCII. */
function hexDigit(code: number): number {
  if (code <= 0x39) return code - 0x30;
  return code >= 0x61 ? code - 0x61 + 10 : -1;
}
