import { LRUCache } from 'lru-cache';
import type { Digest } from '../../oci/digest.ts';
import { atMost } from '../../system/at-most.ts';

/**
 * Who has sent wrong bytes for which blob. As long as a blob stands here its ranges are refused, since a range alone can
 * not be proved; a whole is still tried, at others first, and one that proves right ends it.
 */
export type Quarantine = {
  add(digest: Digest, origin: string): void;
  /** Somebody has lied about it lately. */
  has(digest: Digest): boolean;
  isLiar(digest: Digest, origin: string): boolean;
  /** It has been verified. */
  release(digest: Digest): void;
};

/** Entries of some hundred bytes each. */
const MAX_BLOBS = 10_000;
/** Per blob: whoever sends wrong bytes from more hosts than these has been noticed. */
const MAX_ORIGINS = 16;
/** Milliseconds: long enough that a client does not meet the same wrong bytes at each attempt, short enough to heal. */
export const QUARANTINE_MS = 10 * 60 * 1000;

/** @param now milliseconds */
export function createQuarantine(now: () => number): Quarantine {
  const entries = new LRUCache<Digest, { origins: string[]; until: number }>(atMost(MAX_BLOBS));

  function find(digest: Digest): { origins: string[]; until: number } | undefined {
    const entry = entries.get(digest);
    if (entry === undefined || now() < entry.until) return entry;
    entries.delete(digest);
    return undefined;
  }

  return {
    add(digest, origin) {
      const known = find(digest)?.origins.filter((name) => name !== origin) ?? [];
      entries.set(digest, {
        origins: [...known, origin].slice(-MAX_ORIGINS),
        until: now() + QUARANTINE_MS,
      });
    },
    has: (digest) => find(digest) !== undefined,
    isLiar: (digest, origin) => find(digest)?.origins.includes(origin) === true,
    release: (digest) => {
      entries.delete(digest);
    },
  };
}
