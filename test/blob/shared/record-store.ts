import { createProcessState } from '../../../src/state/create-process-state.ts';
import type { HeldLease, SharedState } from '../../../src/state/shared-state.ts';

/** What Redis holds of leases and records, as its scripts have it (src/state/redis/scripts.ts), to be looked into and to be lost. */
export type RecordStore = {
  /** What one replica has of it. */
  of(replica: number): SharedState;
  /** Whose lease it is now; of one that is over: nobody's. */
  holder(name: string): number | null;
  fields(name: string): ReadonlyMap<string, string>;
  loseAll(): void;
};

/** Done wrongly, to see that it is found. */
export type StoreFault = 'nobody renews' | 'anybody releases' | 'stale records' | 'two owners';

type Lease = { readonly replica: number; until: number };
type Fields = { readonly fields: Map<string, string>; until: number };

/** @param now milliseconds */
export function createRecordStore(now: () => number, fault?: StoreFault): RecordStore {
  const others = createProcessState(now);
  const leases = new Map<string, Lease>();
  let records = new Map<string, Fields>();
  /** What a replica of Redis that is behind still has. */
  let lost = new Map<string, Fields>();
  let tokens = 0;

  function leaseOf(name: string): Lease | undefined {
    const lease = leases.get(name);
    return lease !== undefined && lease.until > now() ? lease : undefined;
  }

  function fieldsOf(name: string): Map<string, string> | undefined {
    const known = records.get(name) ?? (fault === 'stale records' ? lost.get(name) : undefined);
    return known !== undefined && known.until > now() ? known.fields : undefined;
  }

  function acquire(replica: number, name: string, ttlMs: number): HeldLease | 'held' {
    if (leaseOf(name) !== undefined && fault !== 'two owners') return 'held';
    const lease: Lease = { replica, until: now() + ttlMs };
    leases.set(name, lease);
    return {
      token: (tokens += 1),
      renew() {
        const isHeld = leaseOf(name) === lease;
        if (isHeld && fault !== 'nobody renews') lease.until = now() + ttlMs;
        return Promise.resolve(isHeld);
      },
      release() {
        if (leaseOf(name) === lease || fault === 'anybody releases') leases.delete(name);
        return Promise.resolve();
      },
    };
  }

  return {
    of: (replica) => ({
      ...others,
      kind: 'redis',
      acquire: (name, ttlMs) => Promise.resolve(acquire(replica, name, ttlMs)),
      note(record, field, value, ttlMs) {
        const fields = fieldsOf(record) ?? new Map<string, string>();
        records.set(record, { fields: fields.set(field, value), until: now() + ttlMs });
        return Promise.resolve(true);
      },
      read: (record) => Promise.resolve(new Map(fieldsOf(record))),
    }),
    holder: (name) => leaseOf(name)?.replica ?? null,
    fields: (name) => records.get(name)?.fields ?? new Map(),
    loseAll() {
      leases.clear();
      lost = records;
      records = new Map();
    },
  };
}
