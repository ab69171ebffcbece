import { createHash } from 'node:crypto';

import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import type { StoredBlob } from './blob-store.ts';

/** Bytes hashed between two turns of the event loop: a millisecond or two. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Whether the bytes are what the digest says. `onSlice` is told how many bytes were hashed, and may hold the next ones up.
 * Rejects with the signal's reason, and where the disk fails.
 */
export async function matchesDigest(
  blob: StoredBlob,
  digest: Digest,
  signal: AbortSignal,
  onSlice?: (bytes: number) => void | Promise<void>,
): Promise<boolean> {
  const hash = createHash(digestAlgorithm(digest));
  const buffer = Buffer.allocUnsafe(Math.min(SLICE_BYTES, blob.length));
  for (let position = 0; position < blob.length; ) {
    signal.throwIfAborted();
    const bytes = await blob.read(position, buffer);
    if (bytes === 0) return false;
    hash.update(buffer.subarray(0, bytes));
    position += bytes;
    await onSlice?.(bytes);
  }
  return hash.digest('hex') === digestHex(digest);
}
