import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';
import { atMost } from '../system/at-most.ts';

/**
 * Lengths of blobs, learnt from answers: they spare the question before a suffix range, a HEAD or a 416. A length is a
 * claim of the source until the blob has been verified whole, so an answer that contradicts it drops it.
 */
export type BlobLengths = {
  get(registry: string, digest: Digest): number | undefined;
  set(registry: string, digest: Digest, length: number): void;
  forget(registry: string, digest: Digest): void;
};

/** Entries of about 300 bytes each: some 15 MB when full. */
const MAX_LENGTHS = 50_000;

export function createBlobLengths(): BlobLengths {
  const lengths = new LRUCache<string, number>(atMost(MAX_LENGTHS));
  const key = (registry: string, digest: Digest) => JSON.stringify([registry, digest]);
  return {
    get: (registry, digest) => lengths.get(key(registry, digest)),
    set: (registry, digest, length) => {
      lengths.set(key(registry, digest), length);
    },
    forget: (registry, digest) => {
      lengths.delete(key(registry, digest));
    },
  };
}
