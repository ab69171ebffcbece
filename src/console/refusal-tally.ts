import { LRUCache } from 'lru-cache';
import type { AuditEvent } from '../audit/audit.ts';
import { atMost } from '../system/at-most.ts';

/** Refusals of one kind since the start. */
export type RefusalCount = {
  readonly reason: string;
  readonly detail: string | undefined;
  readonly registry: string | undefined;
  readonly count: number;
  /** Unix milliseconds. */
  readonly lastSeen: number;
};

export type RefusalTally = {
  record(event: Pick<AuditEvent, 'reason' | 'detail' | 'registry'>): void;
  /** The most frequent ones, at most so many. */
  top(most: number): readonly RefusalCount[];
};

/** Reasons and details are closed sets; registries are those of the configuration, of which this is a generous part. */
const MAX_KINDS = 1000;

/** @param now Unix milliseconds */
export function createRefusalTally(now: () => number): RefusalTally {
  const kinds = new LRUCache<string, RefusalCount>(atMost(MAX_KINDS));
  return {
    record({ reason, detail, registry }) {
      const key = `${reason} ${detail ?? ''} ${registry ?? ''}`;
      const count = (kinds.get(key)?.count ?? 0) + 1;
      kinds.set(key, { reason, detail, registry, count, lastSeen: now() });
    },
    top: (most) => [...kinds.values()].toSorted((a, b) => b.count - a.count).slice(0, most),
  };
}
