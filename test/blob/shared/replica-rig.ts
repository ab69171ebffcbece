import assert from 'node:assert/strict';
import type { BlobSource } from '../../../src/blob/blob-source.ts';
import { createSharedBlobs } from '../../../src/blob/shared/share-blobs.ts';
import type { SharedClock } from '../../../src/blob/shared/shared-clock.ts';
import { sharedNames } from '../../../src/blob/shared/shared-names.ts';
import type { PartialBlob, StoredBlob } from '../../../src/cache/blob-store.ts';
import { guardStore } from '../../../src/cache/objects/guard-store.ts';
import type { ObjectStore } from '../../../src/cache/objects/object-store.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import type { HeldLease, SharedState } from '../../../src/state/shared-state.ts';
import type { StateSeal } from '../../../src/ticket/state-seal.ts';
import { haveFromShared } from './have-from-shared.ts';

export const SCOPE = 'contoso';
export const PIECE_BYTES = 64;

/** One replica: the real shared blobs, and around them a fill that does what the test says, when it says it. */
export type ReplicaRig = {
  readonly seen: SeenReplica;
  readonly isAwake: boolean;
  /** Pieces that it wants to put into the store, and those that are there and of which it has not heard so. */
  readonly putting: readonly number[];
  readonly put: readonly number[];
  /** Its upload waits for the store. */
  readonly isUploading: boolean;
  act(what: string, piece: number): void;
  /** Whatever is held up goes on, now and from now on. */
  release(): void;
  /** When its next timer is due; undefined: it has none, or does not run. */
  readonly nextAt: number | undefined;
  fireDue(): void;
  close(): Promise<void>;
};

export type SeenReplica = {
  readonly state: 'idle' | 'filling' | 'uploading' | 'done' | 'failed' | 'dead';
  readonly isPaused: boolean;
  readonly believes: boolean;
  readonly local: readonly ('none' | 'fetching' | 'right' | 'wrong')[];
};

export type ReplicaDeps = {
  readonly digest: Digest;
  readonly right: Buffer;
  /** What its upstream has of the blob. */
  readonly upstream: Buffer;
  readonly state: SharedState;
  readonly objects: ObjectStore;
  readonly seal: StateSeal;
  readonly now: () => number;
};

type Gate = { readonly opened: Promise<void>; open(): void };
function createGate(): Gate {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  return { opened, open };
}

export function createReplicaRig(deps: ReplicaDeps): ReplicaRig {
  const { digest, right, upstream, now } = deps;
  const names = sharedNames(SCOPE, digest, PIECE_BYTES);
  const pieceCount = right.length / PIECE_BYTES;
  const local: SeenReplica['local'][number][] = Array.from({ length: pieceCount }, () => 'none');
  const content = Buffer.alloc(right.length);
  let state: SeenReplica['state'] = 'idle';
  let partial: PartialBlob | undefined;
  let isPublished = false;
  let isReleased = false;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  let sleeping: Gate | undefined;
  const leases = new Set<HeldLease>();
  const putting = new Map<number, Gate>();
  const put = new Map<number, Gate>();
  let uploading: Gate | undefined;

  const clock: SharedClock = {
    now,
    setTimer(milliseconds, fire) {
      const timer = { at: now() + milliseconds, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };

  async function untilAwake(): Promise<void> {
    for (let gate = sleeping; gate !== undefined; gate = sleeping) await gate.opened;
  }

  /** Who does not run asks nothing, and hears nothing of what he has asked. */
  const awake = async <T>(act: () => Promise<T>): Promise<T> => {
    await untilAwake();
    const answer = await act();
    await untilAwake();
    return answer;
  };

  const sharedState: SharedState = {
    ...deps.state,
    note: (...args) => awake(() => deps.state.note(...args)),
    read: (name) => awake(() => deps.state.read(name)),
    acquire: (name, ttlMs) =>
      awake(async () => {
        const lease = await deps.state.acquire(name, ttlMs);
        if (lease === undefined || lease === 'held') return lease;
        const held: HeldLease = {
          token: lease.token,
          renew: () => awake(() => lease.renew()),
          release() {
            leases.delete(held);
            return awake(() => lease.release());
          },
        };
        leases.add(held);
        return held;
      }),
  };

  const objects: ObjectStore = {
    ...deps.objects,
    get: (...args) => awake(() => deps.objects.get(...args)),
    length: (...args) =>
      awake(async () => {
        const gate = createGate();
        uploading = gate;
        if (!isReleased) await gate.opened;
        uploading = undefined;
        return deps.objects.length(...args);
      }),
    put(name, bytes, signal) {
      const piece = local.findIndex((_, index) => names.piece(index) === name);
      if (piece === -1 || isReleased) return awake(() => deps.objects.put(name, bytes, signal));
      return awake(() => putPiece(piece, () => deps.objects.put(name, bytes, signal)));
    },
  };

  /** It waits to be put, and then for the word that it was; where there is another one, that one is removed in between. */
  async function putPiece<T>(piece: number, act: () => Promise<T>): Promise<T> {
    const waiting = putting.get(piece) ?? createGate();
    putting.set(piece, waiting);
    await waiting.opened;
    const answer = await act();
    if (answer === 'exists') return answer;
    putting.delete(piece);
    const heard = createGate();
    put.set(piece, heard);
    if (!isReleased) await heard.opened;
    put.delete(piece);
    return answer;
  }

  const stored = (): StoredBlob => ({ length: right.length, path: '', read, close: () => undefined });
  const read = (position: number, into: Uint8Array): Promise<number> =>
    Promise.resolve(content.copy(into, 0, position, position + into.length));
  const done = (): Promise<void> => Promise.resolve();
  const metrics = createMetrics();
  const log = { info: () => undefined, warn: () => undefined };
  const blobs = createSharedBlobs({
    objects: guardStore(objects, { metrics, log, now }),
    state: sharedState,
    seal: deps.seal,
    pieceBytes: PIECE_BYTES,
    clock,
    log,
    metrics: {
      ...metrics,
      sharedUploads: {
        ...metrics.sharedUploads,
        inc: () => {
          state = 'done';
        },
      },
    },
    store: {
      open: () => Promise.resolve(isPublished ? stored() : undefined),
      openPartial: () =>
        Promise.resolve({
          digest,
          length: right.length,
          pieceBytes: PIECE_BYTES,
          pieceCount,
          path: '',
          has: () => Promise.resolve(false),
          write: done,
          complete: done,
          read,
          discard: done,
          close: done,
          publish() {
            isPublished = true;
            return Promise.resolve(stored());
          },
        }),
    },
  });
  const own: BlobSource = {
    where: 'registry',
    origin: 'https://registry.test',
    start: () => assert.fail('it is asked when the test says so'),
    redirected: () => assert.fail('nobody redirects'),
  };

  async function want(): Promise<void> {
    state = 'filling';
    partial = await blobs.storeFor(SCOPE).openPartial(digest, right.length, SCOPE);
    await Promise.all(local.map((_, piece) => search(piece)));
  }

  async function search(piece: number): Promise<void> {
    const source = blobs.source({ digest, scope: SCOPE, source: own });
    const firstPos = piece * PIECE_BYTES;
    const bytes = await haveFromShared(source, own, { firstPos, lastPos: firstPos + PIECE_BYTES - 1 });
    if (bytes === undefined) local[piece] = 'fetching';
    else await have(piece, bytes);
  }

  async function have(piece: number, bytes: Buffer): Promise<void> {
    const start = piece * PIECE_BYTES;
    local[piece] = bytes.equals(right.subarray(start, start + PIECE_BYTES)) ? 'right' : 'wrong';
    bytes.copy(content, start);
    await partial?.complete(piece);
    if (local.some((how) => how === 'none' || how === 'fetching') || state !== 'filling') return;
    state = local.includes('wrong') ? 'failed' : 'uploading';
    await (state === 'failed' ? partial?.discard() : partial?.publish());
  }

  const wake = (): void => {
    const gate = sleeping;
    sleeping = undefined;
    gate?.open();
  };
  const isRunning = (): boolean => sleeping === undefined && state !== 'dead';

  return {
    get seen() {
      const isPaused = sleeping !== undefined && state !== 'dead';
      return { state, isPaused, believes: leases.size > 0, local: [...local] };
    },
    get isAwake() {
      return isRunning();
    },
    get putting() {
      return [...putting.keys()];
    },
    get put() {
      return [...put.keys()];
    },
    get isUploading() {
      return uploading !== undefined;
    },
    act(what, piece) {
      const start = piece * PIECE_BYTES;
      if (what === 'want') void want();
      else if (what === 'fetch') void have(piece, upstream.subarray(start, start + PIECE_BYTES));
      else if (what === 'put') putting.get(piece)?.open();
      else if (what === 'note') put.get(piece)?.open();
      else if (what === 'uploaded') uploading?.open();
      else if (what === 'pause') sleeping = createGate();
      else if (what === 'wake') wake();
      else if (what === 'die') {
        sleeping = createGate();
        state = 'dead';
      } else assert.fail(`nobody knows how to ${what}`);
    },
    release() {
      isReleased = true;
      if (state !== 'dead') wake();
      for (const gate of [...putting.values(), ...put.values()]) gate.open();
      uploading?.open();
      local.forEach((how, piece) => {
        if (how === 'fetching' && isRunning()) this.act('fetch', piece);
      });
    },
    get nextAt() {
      return isRunning() && timers.size > 0 ? Math.min(...[...timers].map(({ at }) => at)) : undefined;
    },
    fireDue() {
      for (const timer of [...timers].toSorted((a, b) => a.at - b.at)) {
        if (timer.at > now() || !timers.delete(timer)) continue;
        timer.fire();
      }
    },
    async close() {
      await blobs.close();
      assert.equal(timers.size, 0, 'a timer is left');
    },
  };
}
