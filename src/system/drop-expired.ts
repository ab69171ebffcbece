import type { LRUCache } from 'lru-cache';

/**
 * Takes out those of the two entries used longest ago that are over. To be called for each entry that comes: a cache whose entries have a
 * time then holds what came within it, and not all that it may hold. An entry that is not over keeps those behind it, for at most its time.
 */
export function dropExpired<T extends { readonly until: number }>(
  cache: Pick<LRUCache<string, T>, 'rkeys' | 'peek' | 'delete'>,
  now: number,
): void {
  for (let looks = 0; looks < 2; looks += 1) {
    const name = cache.rkeys().next().value;
    const oldest = name === undefined ? undefined : cache.peek(name);
    if (name === undefined || oldest === undefined || oldest.until > now) return;
    cache.delete(name);
  }
}
