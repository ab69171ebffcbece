import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';
import { dropExpired } from '../system/drop-expired.ts';
import type { Verdict } from './question.ts';

/**
 * Verdicts for their time, each under its name, until something is written to its repository (`of`). Times are milliseconds of a
 * clock that is never set, since one that is set must neither lengthen nor shorten what somebody may have.
 */
export type KeptDecisions<T> = {
  find(name: string, of: string): Verdict<T> | undefined;
  /** @param asked position of the question that it answers; one from before a write is not found */
  keep(name: string, verdict: Verdict<T>, asked: number, forMs: number): void;
  /** Position of a question that begins now. */
  nextPosition(): number;
  /** Position of the latest question that is worth nothing any more, since the repository was written to after it. */
  forgottenAt(of: string): number;
  forget(of: string): void;
  /** Verdicts that are held, those included whose time is over. */
  readonly size: number;
};

type Kept<T> = { readonly verdict: Verdict<T>; readonly until: number; readonly asked: number };

/** Bytes that one of `max` stands for. An upstream's error page has many times as many, and anybody can ask for what there is not. */
const USUAL_BYTES = 1024;

/** @param max verdicts with up to a kilobyte, or as many longer ones as have as much, and repositories that were written to */
export function createKeptDecisions<T>(max: number, steady: () => number): KeptDecisions<T> {
  const kept = new LRUCache<string, Kept<T>>({
    maxSize: max,
    sizeCalculation: ({ verdict }) => 1 + Math.floor((verdict.bytes ?? 0) / USUAL_BYTES),
  });
  const forgotten = new LRUCache<string, number>(atMost(max));
  let order = 0;
  /** What fell out of `forgotten` may have been forgotten at any time up to here. */
  let floor = 0;

  const forgottenAt = (of: string) => forgotten.get(of) ?? floor;

  return {
    find(name, of) {
      const entry = kept.get(name);
      if (entry === undefined) return undefined;
      if (entry.until > steady() && entry.asked > forgottenAt(of)) return entry.verdict;
      kept.delete(name);
      return undefined;
    },
    keep(name, verdict, asked, forMs) {
      if (forMs <= 0) return;
      const now = steady();
      // Of clients that have a new token for each pull nothing is found again.
      dropExpired(kept, now);
      kept.set(name, { verdict, until: now + forMs, asked });
    },
    nextPosition() {
      order += 1;
      return order;
    },
    forgottenAt,
    forget(of) {
      if (forgotten.size >= max && !forgotten.has(of)) floor = order;
      forgotten.set(of, order);
    },
    get size() {
      return kept.size;
    },
  };
}
