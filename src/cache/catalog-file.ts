import { crc32 } from 'node:zlib';

import { parseDigest } from '../oci/digest.ts';
import type { StoreEntry } from './blob-store.ts';
import type { CatalogEntry } from './store-catalog.ts';
import { removeFile, type StoreFs } from './store-fs.ts';
import { FILE_MODE } from './store-layout.ts';

/**
 * The catalog file: a line per published blob, least recently used first, and a last line with their number and the
 * CRC-32 of all before it. It only saves looking at each file at the start; where it is old, damaged or missing, the
 * files themselves say the same but for when they were last used.
 */
const FIRST_LINE = 'berth-catalog 1\n';

/** Lines made at once between two turns of the event loop. */
const LINES = 4096;
/** A million blobs are some 110 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

/** ASCII. */
const SPACE = 0x20;
const LINE_END = 0x0a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** Below 2^53. */
const MAX_DIGITS = 15;

/** When a blob was last used may be forgotten for so long by a kill. */
const SAVE_EVERY_MS = 60_000;
/** Their lines take some 0.1 s of a core: with more, the file is written less often, and never costs more than that a minute. */
const ENTRIES_A_MINUTE = 100_000;

/** Milliseconds to let pass before a file of so many entries is written again. */
export function catalogIntervalMs(entries: number): number {
  return SAVE_EVERY_MS * Math.max(1, entries / ENTRIES_A_MINUTE);
}

/** Replaces the file at once or not at all. Entries that come or go meanwhile may or may not be in it. */
export async function writeCatalog(fs: StoreFs, path: string, entries: Iterable<StoreEntry>): Promise<void> {
  const temporary = `${path}.tmp`;
  await removeFile(fs, temporary);
  const file = await fs.open(temporary, 'wx', FILE_MODE);
  try {
    let crc = 0;
    let count = 0;
    let text = FIRST_LINE;
    const flush = async () => {
      const bytes = Buffer.from(text);
      text = '';
      crc = crc32(bytes, crc);
      await file.appendFile(bytes);
    };
    // Of now: whoever is used meanwhile goes to the end of a living order, and would be met twice.
    const snapshot = [...entries];
    for (const { digest, bytes, publishedAt, lastUsedAt } of snapshot) {
      text += `${digest} ${bytes} ${publishedAt} ${lastUsedAt}\n`;
      count += 1;
      if (count % LINES === 0) await flush();
    }
    await flush();
    await file.appendFile(`end ${count} ${crc}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, path);
}

/** In the order of the file, nobody reading any of it; undefined where it is missing or not as it was written. */
export async function readCatalog(fs: StoreFs, path: string): Promise<CatalogEntry[] | undefined> {
  let content: Buffer;
  try {
    const { size } = await fs.stat(path);
    if (size > MAX_BYTES) return undefined;
    const file = await fs.open(path, 'r');
    try {
      content = await file.readFile();
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
  return parseCatalog(content);
}

/** Makes as little as can be of each line: a million of them keep the process from answering. */
export function parseCatalog(content: Buffer): CatalogEntry[] | undefined {
  // The last line, its own end aside.
  const lastAt = content.lastIndexOf('\n', content.length - 2) + 1;
  const last = content.toString('latin1', lastAt);
  const [, count, crc] = /^end ([0-9]{1,15}) ([0-9]{1,10})\n$/.exec(last) ?? [];
  if (count === undefined || Number(crc) !== crc32(content.subarray(0, lastAt))) return undefined;
  if (content.toString('latin1', 0, FIRST_LINE.length) !== FIRST_LINE) return undefined;
  const entries: CatalogEntry[] = [];
  let at = FIRST_LINE.length;
  /** The number before `end`; NaN where something else stands there. */
  const readNumber = (end: number): number => {
    const from = at;
    let value = 0;
    for (;;) {
      const byte = content[at] ?? 0;
      at += 1;
      if (byte === end) return at - 1 - from > 0 && at - 1 - from <= MAX_DIGITS ? value : Number.NaN;
      if (byte < DIGIT_0 || byte > DIGIT_9) return Number.NaN;
      value = value * 10 + (byte - DIGIT_0);
    }
  };
  while (at < lastAt) {
    const nameEnd = content.indexOf(SPACE, at);
    if (nameEnd < 0) return undefined;
    // A string of its own: a piece of a larger one would hold all of that.
    const parsed = parseDigest(content.toString('latin1', at, nameEnd));
    at = nameEnd + 1;
    const bytes = readNumber(SPACE);
    const publishedAt = readNumber(SPACE);
    const lastUsedAt = readNumber(LINE_END);
    if (parsed.kind !== 'ok' || !(bytes >= 0 && publishedAt >= 0 && lastUsedAt >= 0)) return undefined;
    entries.push({
      digest: parsed.digest,
      bytes,
      publishedAt,
      lastUsedAt,
      pins: 0,
      older: undefined,
      newer: undefined,
    });
  }
  return at === lastAt && entries.length === Number(count) ? entries : undefined;
}
