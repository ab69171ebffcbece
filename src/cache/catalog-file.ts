import { crc32 } from 'node:zlib';

import { parseDigest } from '../oci/digest.ts';
import type { StoreEntry } from './blob-store.ts';
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

/** In the order of the file; undefined where it is missing or not as it was written. */
export async function readCatalog(fs: StoreFs, path: string): Promise<StoreEntry[] | undefined> {
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

export function parseCatalog(content: Buffer): StoreEntry[] | undefined {
  // The last line, its own end aside.
  const lastAt = content.lastIndexOf('\n', content.length - 2) + 1;
  const last = content.toString('latin1', lastAt);
  const [, count, crc] = /^end ([0-9]{1,15}) ([0-9]{1,10})\n$/.exec(last) ?? [];
  if (count === undefined || Number(crc) !== crc32(content.subarray(0, lastAt))) return undefined;
  const lines = content.toString('latin1', 0, lastAt).split('\n');
  if (`${lines[0]}\n` !== FIRST_LINE || lines.length !== Number(count) + 2) return undefined;
  const entries: StoreEntry[] = [];
  for (const line of lines.slice(1, -1)) {
    const [name = '', ...numbers] = line.split(' ');
    const parsed = parseDigest(name);
    const [bytes = -1, publishedAt = -1, lastUsedAt = -1] = numbers.map(Number);
    if (parsed.kind !== 'ok' || !(bytes >= 0 && publishedAt >= 0 && lastUsedAt >= 0)) return undefined;
    entries.push({ digest: parsed.digest, bytes, publishedAt, lastUsedAt });
  }
  return entries;
}
