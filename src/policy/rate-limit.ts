import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';

export type RateLimit = {
  /** Takes one for `key`. 0: there was one; else the milliseconds until there is one again, and none is taken. */
  take(key: string): number;
  /** So many for `key` were taken elsewhere. */
  count(key: string, times: number): void;
};

export type Rate = {
  /** Sustained, per second. */
  readonly perSecond: number;
  /** At once, after a pause. */
  readonly burst: number;
};

/** Keys remembered: about 100 bytes each. One that falls out starts with a full burst, as a new one does. */
const MAX_KEYS = 50_000;

/**
 * A token bucket per key, as GCRA: one time per key says when its bucket is full again, so nothing runs while nobody
 * asks. Of our own, because Fastify's plugin limits by route and answers in words of its own, and there is one route here.
 */
export function createRateLimit({ perSecond, burst }: Rate, now: () => number): RateLimit {
  const intervalMs = 1000 / perSecond;
  const fullAt = new LRUCache<string, number>(atMost(MAX_KEYS));
  return {
    take(key) {
      const time = now();
      const next = Math.max(fullAt.get(key) ?? 0, time) + intervalMs;
      const waitMs = next - time - burst * intervalMs;
      // Sums of fractions: what is short of a millionth of a millisecond is there.
      if (waitMs > 1e-6) return waitMs;
      fullAt.set(key, next);
      return 0;
    },
    count(key, times) {
      fullAt.set(key, Math.max(fullAt.get(key) ?? 0, now()) + times * intervalMs);
    },
  };
}
