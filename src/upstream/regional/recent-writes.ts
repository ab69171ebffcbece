import { LRUCache } from 'lru-cache';
import { atMost } from '../../system/at-most.ts';

/** What was written to repositories through this instance not long ago: regions get it later than home. */
export type RecentWrites = {
  /** A push (`PUT`, a mount) or a delete has been answered, or may have been carried out. */
  note(repository: string, kind: 'pushed' | 'deleted'): void;
  /** Another region may be behind. */
  isRecent(repository: string): boolean;
  /** A 404 may be that of a region which does not have it yet; after a delete it is rather one that has it still. */
  mayLag(repository: string): boolean;
};

/** Repositories; what falls out is asked for like any other. */
const MAX_REPOSITORIES = 10_000;

/** @param deps.now milliseconds */
export function createRecentWrites(
  replicationSeconds: number,
  { now }: { readonly now: () => number },
): RecentWrites {
  const written = new LRUCache<string, { pushed: number; deleted: number }>(atMost(MAX_REPOSITORIES));
  const isWithin = (at: number): boolean => now() - at < replicationSeconds * 1000;
  const NEVER = Number.NEGATIVE_INFINITY;

  return {
    note(repository, kind) {
      const known = written.get(repository) ?? { pushed: NEVER, deleted: NEVER };
      written.set(repository, { ...known, [kind]: now() });
    },
    isRecent(repository) {
      const known = written.get(repository);
      return known !== undefined && (isWithin(known.pushed) || isWithin(known.deleted));
    },
    mayLag(repository) {
      const known = written.get(repository);
      return known !== undefined && isWithin(known.pushed) && !isWithin(known.deleted);
    },
  };
}
