import type { AuditEvent } from '../audit/audit.ts';
import type { OpenRequest } from '../blob/blob-opener.ts';
import type { BlobSource } from '../blob/blob-source.ts';
import {
  type OwnerMessage,
  type OwnerPort,
  type ReaderMessage,
  toFacts,
} from '../blob/fill/fill-messages.ts';
import type { SourceFacts } from '../blob/source-facts.ts';
import { WrongBlob } from '../blob/wrong-content.ts';
import type { BlobStore, StoredBlob } from '../cache/blob-store.ts';
import type { Migration } from '../endpoints/migration.ts';
import type { Digest } from '../oci/digest.ts';
import type { HeldLease, SharedState } from '../state/shared-state.ts';
import type { Tracing } from '../trace/tracing.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { CallHandlers, Link, NoteHandlers } from './link.ts';
import type {
  AskPrimary,
  AskWorker,
  FillAnswer,
  FillOrder,
  TellPrimary,
  TellWorker,
} from './worker-messages.ts';

export type DeskDeps = {
  /** Undefined: no blob is kept on disk. */
  readonly store: Pick<BlobStore, 'open' | 'verify'> | undefined;
  readonly attach: ((request: OpenRequest, port: OwnerPort) => Promise<boolean>) | undefined;
  /**
   * The source of a registry's blob as a worker describes it, and what says that it is not needed any more. Undefined: there
   * is no such registry (any more).
   * @throws UpstreamFailure
   */
  readonly openSource: (
    registry: string,
    facts: SourceFacts,
  ) => { readonly source: BlobSource; readonly letGo: () => void } | undefined;
  readonly tracing: Pick<Tracing, 'goOn'>;
  readonly state: SharedState;
  /** Resolves when all workers know that the group's epoch has ended. */
  readonly forgetEverywhere: (group: string) => Promise<void>;
  readonly audit: (event: AuditEvent) => void;
  readonly migration: Pick<Migration, 'record'>;
};

/** What the primary does for one worker. */
export type Desk = {
  readonly calls: CallHandlers<AskPrimary>;
  readonly notes: Omit<NoteHandlers<TellPrimary>, 'pulse' | 'limits'>;
  /** The worker has ended: whatever it held is given back. */
  close(): void;
};

export function createDesk(link: () => Link<AskWorker, TellWorker>, deps: DeskDeps): Desk {
  const { store, state, migration } = deps;
  const pins = new Map<number, StoredBlob>();
  const leases = new Map<number, HeldLease>();
  const leaving = new Set<() => void>();
  const ended = new AbortController();
  let numbers = 0;

  async function openStored(digest: Digest) {
    const blob = await store?.open(digest);
    if (blob === undefined) return undefined;
    if (ended.signal.aborted) {
      blob.close();
      return undefined;
    }
    const pin = (numbers += 1);
    pins.set(pin, blob);
    return { pin, path: blob.path, length: blob.length };
  }

  async function joinFill(order: FillOrder): Promise<FillAnswer> {
    const { attach } = deps;
    const { port, digest, scope, source: facts, range, knownLength } = order;
    if (attach === undefined) return { kind: 'none' };
    let conversation: OwnerPort | undefined;
    try {
      const opened = deps.openSource(scope, facts);
      if (opened === undefined) return { kind: 'none' };
      const owner = openConversation(port, opened.letGo);
      conversation = owner;
      const { source } = opened;
      const request = { digest, scope, source, range, knownLength, signal: ended.signal };
      if (await deps.tracing.goOn(order.trace, () => attach(request, owner))) return { kind: 'joined' };
      owner.close();
      return { kind: 'none' };
    } catch (error) {
      conversation?.close();
      if (!(error instanceof UpstreamFailure)) throw error;
      return { kind: 'failed', failure: toFacts(error), isWrong: error instanceof WrongBlob };
    }
  }

  /** The owner's end of it; a worker that ends has left all of its conversations. */
  function openConversation(id: number, letGo: () => void): OwnerPort {
    const port = link().port<OwnerMessage, ReaderMessage>(id);
    let hear: ((message: ReaderMessage) => void) | undefined;
    const leave = (): void => hear?.({ kind: 'leave' });
    leaving.add(leave);
    return {
      post: port.post,
      listen(handler) {
        hear = handler;
        port.listen(handler);
        if (ended.signal.aborted) leave();
      },
      close() {
        leaving.delete(leave);
        letGo();
        port.close();
      },
    };
  }

  return {
    calls: {
      openStored,
      joinFill,
      look: ({ group, names }) => state.look(group, names),
      async keep({ group, epoch, name, value, ttlMs }) {
        await state.keep(group, epoch, name, value, ttlMs);
        return undefined;
      },
      async pause({ queue, caller, milliseconds }) {
        await state.pause(queue, caller, milliseconds);
        return undefined;
      },
      async forgetGroup(group) {
        const isTold = await state.forget(group);
        await deps.forgetEverywhere(group);
        return isTold;
      },
      takeTurn: (turn) => state.takeTurn(turn),
      async acquire({ name, ttlMs }) {
        const lease = await state.acquire(name, ttlMs);
        if (lease === undefined || lease === 'held') return lease;
        if (ended.signal.aborted) {
          void lease.release();
          return undefined;
        }
        const number = (numbers += 1);
        leases.set(number, lease);
        return { lease: number, token: lease.token };
      },
      async renew(number) {
        const isHeld = (await leases.get(number)?.renew()) ?? false;
        if (!isHeld) leases.delete(number);
        return isHeld;
      },
      async release(number) {
        await leases.get(number)?.release();
        leases.delete(number);
        return undefined;
      },
      record: ({ record, field, value, ttlMs }) => state.note(record, field, value, ttlMs),
      readRecord: (record) => state.read(record),
    },
    notes: {
      unpin(pin) {
        pins.get(pin)?.close();
        pins.delete(pin);
      },
      // What is wrong with it is found by reading it all; what is not stays.
      damaged: (digest) => void store?.verify(digest, ended.signal).catch(() => undefined),
      audit: (event) => deps.audit(event),
      migration(entries) {
        for (const { registry, network, event, times } of entries) {
          for (let time = 0; time < times; time += 1) migration.record(registry, network, event);
        }
      },
    },
    close() {
      ended.abort(new Error('the worker has ended'));
      for (const leave of leaving) leave();
      for (const blob of pins.values()) blob.close();
      pins.clear();
      for (const lease of leases.values()) void lease.release();
      leases.clear();
    },
  };
}
