import { crc32 } from 'node:zlib';

import type { StoreEntry } from './blob-store.ts';
import { type BlobTable, createBlobTable } from './blob-table.ts';
import { MAX_RECORD_BYTES, MIN_RECORD_BYTES, readRecord, writeRecord } from './catalog-record.ts';
import { readFully, writeFully } from './read-fully.ts';
import { removeFile, type StoreFs } from './store-fs.ts';
import { FILE_MODE } from './store-layout.ts';

/**
 * The catalog file: a record per published blob, least recently used first, then their number and the CRC-32 of all before it. It only
 * saves looking at each file at the start; where it is old, damaged or missing, the files themselves say the same but for when they
 * were last used.
 */
const FIRST_LINE = 'berth-catalog 2\n';
/** `end` and a line end, the CRC-32 as an unsigned integer of 32 bits, the number of records as a double; little-endian. */
const END = 'end\n';
const END_BYTES = 16;
const CRC_AT = 4;
const COUNT_AT = 8;

/** Records made at once between two turns of the event loop: some two milliseconds. */
const RECORDS = 4096;
/** 64 MB are a million blobs. */
const MAX_BYTES = 1024 * 1024 * 1024;

/** When a blob was last used may be forgotten for so long by a kill. */
const SAVE_EVERY_MS = 60_000;
/** Their records take some 0.05 s of a core: with more, the file is written less often, and never costs more than that a minute. */
const ENTRIES_A_MINUTE = 100_000;

/** Milliseconds to let pass before a file of so many entries is written again. */
export function catalogIntervalMs(entries: number): number {
  return SAVE_EVERY_MS * Math.max(1, entries / ENTRIES_A_MINUTE);
}

/** Replaces the file at once or not at all. */
export async function writeCatalog(fs: StoreFs, path: string, entries: Iterable<StoreEntry>): Promise<void> {
  const temporary = `${path}.tmp`;
  await removeFile(fs, temporary);
  const file = await fs.open(temporary, 'wx', FILE_MODE);
  try {
    const buffer = Buffer.alloc(RECORDS * MAX_RECORD_BYTES);
    let filled = buffer.write(FIRST_LINE, 'latin1');
    let position = 0;
    let crc = 0;
    let count = 0;
    const flush = async () => {
      const bytes = buffer.subarray(0, filled);
      crc = crc32(bytes, crc);
      await writeFully(file, bytes, position);
      position += filled;
      filled = 0;
    };
    for (const entry of entries) {
      if (filled > buffer.length - MAX_RECORD_BYTES) await flush();
      filled = writeRecord(buffer, filled, entry);
      count += 1;
    }
    await flush();
    const end = Buffer.alloc(END_BYTES);
    end.write(END, 'latin1');
    end.writeUInt32LE(crc, CRC_AT);
    end.writeDoubleLE(count, COUNT_AT);
    await writeFully(file, end, position);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, path);
}

/** Undefined where it is missing or not as it was written. A blob that it names twice has its last place. */
export async function readCatalog(fs: StoreFs, path: string): Promise<BlobTable | undefined> {
  let content: Buffer;
  try {
    const { size } = await fs.stat(path);
    if (size > MAX_BYTES) return undefined;
    const file = await fs.open(path, 'r');
    try {
      content = Buffer.alloc(size);
      if ((await readFully(file, content, 0)) < size) return undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
  return parseCatalog(content);
}

export function parseCatalog(content: Buffer): BlobTable | undefined {
  const endAt = content.length - END_BYTES;
  if (endAt < FIRST_LINE.length || content.toString('latin1', 0, FIRST_LINE.length) !== FIRST_LINE)
    return undefined;
  if (content.toString('latin1', endAt, endAt + END.length) !== END) return undefined;
  if (content.readUInt32LE(endAt + CRC_AT) !== crc32(content.subarray(0, endAt))) return undefined;
  const table = createBlobTable(Math.floor(endAt / MIN_RECORD_BYTES));
  let at: number | undefined = FIRST_LINE.length;
  let count = 0;
  while (at !== undefined && at < endAt) {
    at = readRecord(content, at, endAt, table);
    count += 1;
  }
  return at === endAt && count === content.readDoubleLE(endAt + COUNT_AT) ? table : undefined;
}
