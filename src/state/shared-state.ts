/**
 * What replicas know together: which answers of an upstream are kept, how much of its budget is used, who fetches which
 * blob. Everything in it may be lost at any time, and then each replica works by itself; nothing that is missing ever lets
 * anybody in. No call rejects, and none takes longer than a short deadline.
 */
export type SharedState = {
  /** `process`: of this process alone, always there. `workers`: of all processes of this instance. */
  readonly kind: 'process' | 'workers' | 'redis';
  /**
   * The epoch of a group, and what is kept under these names in it, in their order. A group that nobody knows gets an epoch
   * that it never had before. Undefined: the state can not be asked.
   */
  look(group: string, names: readonly string[]): Promise<Look | undefined>;
  /** The epoch of a group where that is certain without asking; left out: it never is. */
  epochNow?(group: string): string | undefined;
  /** Keeps a value for `ttlMs`, unless the group has another epoch by now. */
  keep(group: string, epoch: string, name: string, value: string, ttlMs: number): Promise<void>;
  /** Ends the epoch of a group, and with it everything kept in it. False: the state could not be told. */
  forget(group: string): Promise<boolean>;
  /** One request to an upstream, if none of its callers is paused and its budget allows. Undefined: can not be asked. */
  takeTurn(turn: SharedTurn): Promise<TurnAnswer | undefined>;
  /** Nothing of this caller for so long; a longer pause stays. */
  pause(queue: string, caller: string, milliseconds: number): Promise<void>;
  /** Who does something that only one is to do. Undefined: the state can not be asked. */
  acquire(name: string, ttlMs: number): Promise<HeldLease | 'held' | undefined>;
  /** Notes a field of a record, and keeps the whole record for `ttlMs` more. False: it could not be noted. */
  note(record: string, field: string, value: string, ttlMs: number): Promise<boolean>;
  /** All fields of a record. Undefined: the state can not be asked. */
  read(record: string): Promise<ReadonlyMap<string, string> | undefined>;
  close(): Promise<void>;
};

export type Look = { readonly epoch: string; readonly found: readonly (string | undefined)[] };

export type SharedTurn = {
  /** Names an upstream. */
  readonly queue: string;
  readonly caller: string | undefined;
  /** Null: no limit. */
  readonly requestsPerMinute: number | null;
};

export type TurnAnswer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'paused' | 'budget_used'; readonly waitMs: number };

/** Held for its time to live, unless it is renewed before; two are never held under one name at once. */
export type HeldLease = {
  /** Grows with each acquisition of the name: of two who believe to have it, the larger one is right. */
  readonly token: number;
  /** Whether it is still held; false also where the state can not be asked. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
};

/** Milliseconds: upstreams count by the minute. */
export const BUDGET_WINDOW_MS = 60_000;
/** Milliseconds that an epoch outlives the last question: longer than any answer of an upstream takes. */
export const EPOCH_MS = 600_000;
