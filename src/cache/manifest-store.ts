import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';

/** A manifest's bytes, verified against their digest, with the media type the upstream gave them. */
export type StoredManifest = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Buffer;
};

/**
 * Manifests by digest, in memory. Immutable, so never stale; whether a caller may have one is not decided here.
 * Bounded by bytes: least recently used ones go first.
 */
export type ManifestStore = {
  get(registry: string, digest: Digest): StoredManifest | undefined;
  set(registry: string, manifest: StoredManifest): void;
  readonly sizeBytes: number;
};

/** Bytes that an entry costs beside its content: key, descriptor, list node. */
const ENTRY_OVERHEAD = 512;

/** @param maxBytes 0 keeps nothing. */
export function createManifestStore(maxBytes: number): ManifestStore {
  if (maxBytes <= ENTRY_OVERHEAD) {
    return { get: () => undefined, set: () => undefined, sizeBytes: 0 };
  }
  const cache = new LRUCache<string, StoredManifest>({
    maxSize: maxBytes,
    sizeCalculation: ({ content }) => content.length + ENTRY_OVERHEAD,
  });
  // There is no space in a digest, so no two pairs have one key.
  const key = (registry: string, digest: Digest) => `${registry} ${digest}`;
  return {
    get: (registry, digest) => cache.get(key(registry, digest)),
    set: (registry, manifest) => {
      cache.set(key(registry, manifest.digest), { ...manifest, content: inOwnMemory(manifest.content) });
    },
    get sizeBytes() {
      return cache.calculatedSize;
    },
  };
}

/** Node cuts small buffers out of shared ones of 64 KiB: one manifest alone would keep all of that, which nobody counts. */
function inOwnMemory(content: Buffer): Buffer {
  if (content.buffer.byteLength === content.length) return content;
  const own = Buffer.allocUnsafeSlow(content.length);
  content.copy(own);
  return own;
}
