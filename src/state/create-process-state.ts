import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';
import { dropExpired } from '../system/drop-expired.ts';
import {
  BUDGET_WINDOW_MS,
  EPOCH_MS,
  type HeldLease,
  type SharedState,
  type SharedTurn,
} from './shared-state.ts';

/** Entries of each kind; what falls out is as if it had expired. */
const MAX_ENTRIES = 20_000;

type Kept = { readonly value: string; readonly epoch: string; readonly until: number };
type Owner = { readonly token: number; readonly until: number };

/** The state of one instance that has no others. @param now milliseconds, of a clock that does not go back */
export function createProcessState(now: () => number = () => performance.now()): SharedState {
  const epochs = new LRUCache<string, { readonly epoch: string; until: number }>(atMost(MAX_ENTRIES));
  const kept = new LRUCache<string, Kept>(atMost(MAX_ENTRIES));
  const windows = new LRUCache<string, number[]>(atMost(MAX_ENTRIES));
  const pauses = new LRUCache<string, number>(atMost(MAX_ENTRIES));
  const records = new LRUCache<string, { readonly fields: Map<string, string>; until: number }>(
    atMost(MAX_ENTRIES),
  );
  // Not bounded by count: one that fell out would have two owners. Each is removed by whoever took it.
  const owners = new Map<string, Owner>();
  let tokens = 0;

  function epochOf(group: string): string {
    const known = epochs.get(group);
    if (known !== undefined && known.until > now()) {
      known.until = now() + EPOCH_MS;
      return known.epoch;
    }
    const epoch = randomUUID();
    dropExpired(epochs, now());
    epochs.set(group, { epoch, until: now() + EPOCH_MS });
    return epoch;
  }

  const nameOf = (group: string, name: string): string => JSON.stringify([group, name]);

  function takeTurn({ queue, caller, requestsPerMinute }: SharedTurn) {
    const pausedFor = caller === undefined ? 0 : (pauses.get(nameOf(queue, caller)) ?? 0) - now();
    if (pausedFor > 0) return { kind: 'paused', waitMs: pausedFor } as const;
    if (requestsPerMinute === null) return { kind: 'taken' } as const;
    const times = (windows.get(queue) ?? []).filter((time) => time > now() - BUDGET_WINDOW_MS);
    const oldest = times.at(-requestsPerMinute);
    if (oldest !== undefined && times.length >= requestsPerMinute) {
      return { kind: 'budget_used', waitMs: oldest + BUDGET_WINDOW_MS - now() } as const;
    }
    windows.set(queue, [...times, now()]);
    return { kind: 'taken' } as const;
  }

  function acquire(name: string, ttlMs: number): HeldLease | 'held' {
    for (const [other, { until }] of owners) if (until <= now()) owners.delete(other);
    if (owners.has(name)) return 'held';
    const token = (tokens += 1);
    const extend = (): void => void owners.set(name, { token, until: now() + ttlMs });
    const isHeld = (): boolean => {
      const owner = owners.get(name);
      return owner?.token === token && owner.until > now();
    };
    extend();
    return {
      token,
      renew() {
        const held = isHeld();
        if (held) extend();
        return Promise.resolve(held);
      },
      release() {
        if (isHeld()) owners.delete(name);
        return Promise.resolve();
      },
    };
  }

  return {
    kind: 'process',
    look(group, names) {
      const epoch = epochOf(group);
      const found = names.map((name) => {
        const entry = kept.get(nameOf(group, name));
        return entry?.epoch === epoch && entry.until > now() ? entry.value : undefined;
      });
      return Promise.resolve({ epoch, found });
    },
    keep(group, epoch, name, value, ttlMs) {
      if (epochs.peek(group)?.epoch === epoch) {
        dropExpired(kept, now());
        kept.set(nameOf(group, name), { value, epoch, until: now() + ttlMs });
      }
      return Promise.resolve();
    },
    forget(group) {
      epochs.delete(group);
      return Promise.resolve(true);
    },
    takeTurn: (turn) => Promise.resolve(takeTurn(turn)),
    pause(queue, caller, milliseconds) {
      const name = nameOf(queue, caller);
      pauses.set(name, Math.max(pauses.get(name) ?? 0, now() + milliseconds));
      return Promise.resolve();
    },
    acquire: (name, ttlMs) => Promise.resolve(acquire(name, ttlMs)),
    note(record, field, value, ttlMs) {
      const known = records.get(record);
      const fields = known !== undefined && known.until > now() ? known.fields : new Map<string, string>();
      fields.set(field, value);
      dropExpired(records, now());
      records.set(record, { fields, until: now() + ttlMs });
      return Promise.resolve(true);
    },
    read(record) {
      const known = records.get(record);
      return Promise.resolve(known !== undefined && known.until > now() ? new Map(known.fields) : new Map());
    },
    close: () => Promise.resolve(),
  };
}
