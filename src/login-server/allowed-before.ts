import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';

/** What an upstream has allowed to somebody. */
export type Allowance<T> = {
  readonly value: T;
  /** When the upstream was asked, by a clock that is never set. */
  readonly askedAt: number;
  /** Position in the order of questions. */
  readonly asked: number;
  /** By the same clock, when it is of no use any more, whatever `staleIfErrorSeconds` says: the end of the token. */
  readonly usableUntil: number;
};

/**
 * What upstreams have allowed, for when they can not be asked (C10). A refusal under any of the names that an allowance is
 * looked up with, or a write, takes everything back that was asked for before it.
 */
export type AllowedBefore<T> = {
  allow(key: string, allowance: Allowance<T>): void;
  refuse(name: string, asked: number): void;
  /** @param names further ones beside `key` whose refusals count. `since`: what was asked for up to there is taken back. */
  find(key: string, names: readonly string[], since: number): Allowance<T> | undefined;
};

/** @param max allowances, and refusals; one that falls out only makes an outage visible. */
export function createAllowedBefore<T>(max: number): AllowedBefore<T> {
  const allowed = new LRUCache<string, Allowance<T>>(atMost(max));
  /** Of refusals that fell out, the latest: it may have been under any name. */
  let floor = 0;
  const refused = new LRUCache<string, number>({
    ...atMost(max),
    dispose: (asked, _name, reason) => {
      if (reason === 'evict') floor = Math.max(floor, asked);
    },
  });
  return {
    allow(key, allowance) {
      // An answer that came late says less than one to a later question.
      if ((allowed.get(key)?.asked ?? 0) < allowance.asked) allowed.set(key, allowance);
    },
    refuse(name, asked) {
      refused.set(name, Math.max(asked, refused.get(name) ?? 0));
    },
    find(key, names, since) {
      const found = allowed.get(key);
      if (found === undefined) return undefined;
      const ends = [since, floor, ...[key, ...names].map((name) => refused.get(name) ?? 0)];
      return found.asked > Math.max(...ends) ? found : undefined;
    },
  };
}
