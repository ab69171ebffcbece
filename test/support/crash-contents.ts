import { createCipheriv, createHash } from 'node:crypto';

import type { StoredBlob } from '../../src/cache/blob-store.ts';
import { type Content, contentOf } from './contract/blob-store.ts';

export const CRASH_PIECE_BYTES = 8192;
const BLOBS = 12;
/** Less than all of them: some are evicted all the time. */
export const CRASH_MAX_BYTES = 40 * CRASH_PIECE_BYTES;

/** The same blobs in each process that knows the seed, of one byte to nine pieces. */
export function crashContents(seed: number): Content[] {
  return Array.from({ length: BLOBS }, (_, at) => {
    const key = createHash('sha256').update(`${seed} ${at}`).digest();
    const length = 1 + (key.readUInt32BE(0) % (9 * CRASH_PIECE_BYTES));
    return contentOf(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length)));
  });
}

export async function wrongBytes(blob: StoredBlob, expected: Buffer): Promise<boolean> {
  const found = Buffer.alloc(expected.length + 1);
  const count = await blob.read(0, found);
  return blob.length !== expected.length || !found.subarray(0, count).equals(expected);
}
