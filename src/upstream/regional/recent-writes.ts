import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { atMost } from '../../system/at-most.ts';

export type WriteKind = 'pushed' | 'deleted';

/** What was written to repositories through this Berth not long ago: regions get it later than home. */
export type RecentWrites = {
  /** A push (`PUT`, a mount) or a delete has been answered, or may have been carried out. Resolves when all know who can be told. */
  note(repository: string, kind: WriteKind): Promise<void>;
  /** Another region may be behind. */
  isRecent(repository: string): Promise<boolean>;
  /** A 404 may be that of a region which does not have it yet; after a delete it is rather one that has it still. */
  mayLag(repository: string): Promise<boolean>;
};

/** Of `SharedState`: what all processes and replicas know together. It may be lost, and no call rejects. */
export type WriteRecords = {
  note(record: string, field: string, value: string, ttlMs: number): Promise<boolean>;
  read(record: string): Promise<ReadonlyMap<string, string> | undefined>;
};

export type RecentWritesDeps = {
  /** Milliseconds. */
  readonly now: () => number;
  readonly records: WriteRecords;
  /** The registry, by which all who share the records know it. */
  readonly registry: string;
};

/** Repositories; what falls out is asked for like any other. */
const MAX_REPOSITORIES = 10_000;

export function createRecentWrites(replicationSeconds: number, deps: RecentWritesDeps): RecentWrites {
  const { now, records, registry } = deps;
  const replicationMs = replicationSeconds * 1000;
  /** Of this process: the records may be away. */
  const written = new LRUCache<string, Partial<Record<WriteKind, number>>>(atMost(MAX_REPOSITORIES));

  /** A plain digest: whoever shares the records must find it, whichever key it seals with. */
  function recordOf(repository: string, kind: WriteKind): string {
    const name = JSON.stringify(['write', kind, registry, repository]);
    return createHash('sha256').update(name).digest('base64url');
  }

  async function has(repository: string, kind: WriteKind): Promise<boolean> {
    const at = written.get(repository)?.[kind];
    if (at !== undefined && now() - at < replicationMs) return true;
    if (replicationMs === 0) return false;
    const noted = await records.read(recordOf(repository, kind));
    return noted !== undefined && noted.size > 0;
  }

  return {
    async note(repository, kind) {
      if (replicationMs === 0) return;
      written.set(repository, { ...written.get(repository), [kind]: now() });
      await records.note(recordOf(repository, kind), kind, '1', replicationMs);
    },
    async isRecent(repository) {
      const both = await Promise.all([has(repository, 'pushed'), has(repository, 'deleted')]);
      return both.includes(true);
    },
    async mayLag(repository) {
      const [pushed, deleted] = await Promise.all([has(repository, 'pushed'), has(repository, 'deleted')]);
      return pushed && !deleted;
    },
  };
}
