import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { SharedContent } from '../../../src/blob/shared/serve-content.ts';
import { type SharedClock, SYSTEM_CLOCK } from '../../../src/blob/shared/shared-clock.ts';
import { createSharedFill, type SharedFill } from '../../../src/blob/shared/shared-fill.ts';
import { sharedNames } from '../../../src/blob/shared/shared-names.ts';
import { MAX_NOTED_PIECES } from '../../../src/blob/shared/shared-record.ts';
import type { SharedSearchLimits } from '../../../src/blob/shared/shared-search.ts';
import type { PartialBlob } from '../../../src/cache/blob-store.ts';
import { createMemoryStore } from '../../../src/cache/objects/create-memory-store.ts';
import { guardStore } from '../../../src/cache/objects/guard-store.ts';
import type { ObjectStore } from '../../../src/cache/objects/object-store.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createProcessState } from '../../../src/state/create-process-state.ts';
import type { SharedState } from '../../../src/state/shared-state.ts';
import { createStateSeal } from '../../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../../src/ticket/ticket-keys.ts';
import { contentOf } from '../../support/contract/blob-store.ts';
import { contentOfBytes } from '../../support/contract/object-store.ts';
import { pseudoRandomBytes } from '../../support/image.ts';
import { until } from '../../support/until.ts';

const PIECE = 1000;
const { bytes, digest } = contentOf(pseudoRandomBytes('shared fill', 4 * PIECE + 10));
const names = sharedNames('contoso', digest, PIECE);
const never = new AbortController().signal;
const events = { published: () => undefined, wrong: () => undefined };
const close = (): void => undefined;
const readBytes = (position: number, into: Uint8Array): Promise<number> =>
  Promise.resolve(bytes.copy(into, 0, position, position + into.length));
const whole = { firstPos: 0, lastPos: PIECE - 1 };

/** Bodies of the store as they are, or not. */
type Tamper = { body?: (body: Readable) => Readable };

/** Replicas with one state and one store; `clock.ahead` makes their clocks go forward. */
function openReplicas(
  t: Test,
  state: SharedState = { ...createProcessState(), kind: 'redis' },
  limits: Partial<SharedSearchLimits> = {},
  setTimer: SharedClock['setTimer'] = SYSTEM_CLOCK.setTimer,
) {
  const metrics = createMetrics();
  const clock = { ahead: 0 };
  const now = (): number => SYSTEM_CLOCK.now() + clock.ahead;
  const log = { info: () => undefined, warn: () => undefined };
  const memory = createMemoryStore();
  const tamper: Tamper = {};
  const get: ObjectStore['get'] = async (name, range, signal) => {
    const part = await memory.get(name, range, signal);
    return part && { ...part, body: tamper.body?.(part.body) ?? part.body };
  };
  const objects = guardStore({ ...memory, get }, { metrics, log, now });
  const keys = generateTicketKeys();
  const seal = createStateSeal(() => keys);
  const open = (): SharedFill => {
    const openStored = () => Promise.resolve({ length: bytes.length, read: readBytes, close });
    const shared = { objects, state, seal, metrics, names, pieceBytes: PIECE };
    const fill = createSharedFill({ ...shared, openStored, clock: { now, setTimer }, limits });
    t.teardown(() => fill.close());
    return fill;
  };
  const reads = (result: 'ok' | 'absent') =>
    metrics.objectStoreOperations.value({ operation: 'get', result });
  return { open, objects, memory, metrics, clock, state, tamper, reads };
}

/** Time passes until somebody who waits has enough of it. */
async function givenUp(waiting: Promise<SharedContent>, clock: { ahead: number }): Promise<SharedContent> {
  let isOver = false;
  const ended = waiting.finally(() => {
    isOver = true;
  });
  await until(() => {
    clock.ahead += 6_000;
    return isOver;
  }, 'it waits no longer');
  return ended;
}

function partialOf(content: Buffer): PartialBlob {
  return {
    digest,
    length: content.length,
    pieceBytes: PIECE,
    pieceCount: Math.ceil(content.length / PIECE),
    path: '/nowhere',
    has: () => Promise.resolve(false),
    write: () => Promise.resolve(),
    complete: () => Promise.resolve(),
    read: (position, into) => Promise.resolve(content.copy(into, 0, position, position + into.length)),
    publish: () => Promise.reject(new Error('not here')),
    discard: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

t.test('the first one fetches, another one has each piece as it lands', async (t) => {
  const { open, metrics } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  t.same(await owner.find(whole, never), { kind: 'own' });
  const partial = owner.watch(partialOf(bytes), events);
  const range = { firstPos: 4 * PIECE + 3, lastPos: 4 * PIECE + 9 };
  const [first, last] = [follower.find(whole, never), follower.find(range, never)];
  await partial.complete(0);
  await partial.complete(4);
  for (const [found, expected] of [
    [await first, bytes.subarray(0, PIECE)],
    [await last, bytes.subarray(range.firstPos, range.lastPos + 1)],
  ] as const) {
    if (found.kind !== 'content') throw new Error('it was there');
    t.equal(found.completeLength, bytes.length);
    t.ok((await buffer(found.body)).equals(expected));
  }
  t.equal(await metrics.sharedReads.value({ from: 'piece' }), 2);
});

t.test('a later fill of a blob gives its pieces only where somebody asks for them then', async (t) => {
  const { open, state, memory } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  const first = owner.watch(partialOf(bytes), events);
  const waiting = follower.find(whole, never);
  await first.complete(0);
  t.equal((await waiting).kind, 'content');
  await first.close();
  await memory.remove(names.piece(0), never);
  // What was noted has been lost, or has ended.
  let looks = 0;
  state.read = () => {
    looks += 1;
    return Promise.resolve(new Map());
  };
  await owner.find(whole, never);
  const second = owner.watch(partialOf(bytes), events);
  await second.complete(0);
  const before = looks;
  await until(() => looks > before + 1, 'it has looked whether somebody asks');
  t.equal(await memory.length(names.piece(0), never), undefined);
});

t.test('nobody wants them: no piece is given', async (t) => {
  const { open, metrics } = openReplicas(t);
  const owner = open();
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  for (let piece = 0; piece < 5; piece += 1) await partial.complete(piece);
  await partial.close();
  t.equal(await metrics.objectStoreOperations.value({ operation: 'put', result: 'ok' }), 0);
});

t.test('an owner that has gone: the next one takes over', async (t) => {
  const { open } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  const waiting = follower.find(whole, never);
  await owner.close();
  t.same(await waiting, { kind: 'own' });
  t.equal(await follower.mayUpload(), true, 'the lease is its own');
});

t.test('an owner that brings nothing: after a while everybody for himself', async (t) => {
  const { open, clock } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  owner.watch(partialOf(bytes), events);
  t.same(await givenUp(follower.find(whole, never), clock), { kind: 'own' });
  t.equal(await follower.mayUpload(), false, 'the lease is still the other one’s');
});

t.test('a piece that is not what was noted is not taken', async (t) => {
  const { open, clock, tamper, reads } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  tamper.body = (body) => {
    body.destroy();
    return Readable.from([Buffer.alloc(PIECE)]);
  };
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  const waiting = follower.find(whole, never);
  await partial.complete(0);
  await until(async () => (await reads('ok')) > 0, 'it has read the piece');
  t.same(await givenUp(waiting, clock), { kind: 'own' });
});

t.test('a piece that a former owner has left is replaced', async (t) => {
  const { open, memory } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await memory.put(names.piece(0), contentOfBytes(Buffer.alloc(PIECE)), never);
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  const waiting = follower.find(whole, never);
  await partial.complete(0);
  const found = await waiting;
  if (found.kind !== 'content') throw new Error('it was there');
  t.ok((await buffer(found.body)).equals(bytes.subarray(0, PIECE)));
});

t.test('a piece whose body does not end is fetched, and the store left alone', async (t) => {
  const { open, tamper, objects } = openReplicas(t, undefined, { firstByteMs: 500 });
  const [owner, follower] = [open(), open()];
  tamper.body = (body) => {
    body.destroy();
    return new Readable({ read: () => undefined });
  };
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  const waiting = follower.find(whole, never);
  await partial.complete(0);
  t.same(await waiting, { kind: 'own' });
  t.equal(objects.isAway, true);
});

t.test('a process that stood still while it read a piece says nothing of the store', async (t) => {
  let fireLate: (() => void) | undefined;
  const setTimer: SharedClock['setTimer'] = (milliseconds, fire) => {
    if (milliseconds === 500) fireLate = fire;
    return milliseconds === 500 ? () => undefined : SYSTEM_CLOCK.setTimer(milliseconds, fire);
  };
  const { open, tamper, objects, clock, reads } = openReplicas(t, undefined, { firstByteMs: 500 }, setTimer);
  const [owner, follower] = [open(), open()];
  const { promise: going, resolve: goOn } = Promise.withResolvers<void>();
  tamper.body = (body) =>
    Readable.from(
      (async function* () {
        await going;
        yield* body as AsyncIterable<Buffer>;
      })(),
    );
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  const waiting = follower.find(whole, never);
  await partial.complete(0);
  await until(async () => (await reads('ok')) > 0, 'it reads the piece');
  clock.ahead += 3_000;
  fireLate?.();
  goOn();
  t.equal((await waiting).kind, 'content');
  t.equal(objects.isAway, false);
});

t.test('who leaves in the middle of a piece says nothing of the store', async (t) => {
  const { open, tamper, objects, reads } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  tamper.body = (body) => {
    body.destroy();
    return new Readable({ read: () => undefined });
  };
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  const leaving = new AbortController();
  const waiting = follower.find(whole, leaving.signal);
  await partial.complete(0);
  await until(async () => (await reads('ok')) > 0, 'it reads the piece');
  leaving.abort(new Error('the client has left'));
  await t.rejects(waiting, { message: 'the client has left' });
  t.equal(objects.isAway, false);
});

t.test('while the whole is still to be uploaded, its pieces are read from this disk', async (t) => {
  const { open, memory } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  let isPublished = false;
  const partial = owner.watch(
    {
      ...partialOf(bytes),
      // Its file has another name by then.
      read: (position, into) =>
        isPublished ? Promise.reject(new Error('EBADF')) : readBytes(position, into),
      publish() {
        isPublished = true;
        return Promise.resolve({ length: bytes.length, path: '/', read: readBytes, close });
      },
    },
    events,
  );
  // Of one that an earlier fill has left here: it did not land now.
  for (const piece of [0, 1, 2, 3]) await partial.complete(piece);
  await partial.publish();
  for (const piece of [3, 4]) {
    const range = { firstPos: piece * PIECE, lastPos: Math.min(bytes.length, (piece + 1) * PIECE) - 1 };
    const found = await follower.find(range, never);
    if (found.kind !== 'content') throw new Error(`piece ${piece} was to be had`);
    t.ok((await buffer(found.body)).equals(bytes.subarray(range.firstPos, range.lastPos + 1)));
  }
  await memory.put(names.blob, contentOfBytes(bytes), never);
  await owner.uploaded(true);
  t.equal((await follower.find(whole, never)).kind, 'content');
});

t.test('several ranges at once are one owner, who asks nobody for pieces', async (t) => {
  const { open, state } = openReplicas(t);
  const owner = open();
  const ranges = [0, 1, 2].map((piece) => ({ firstPos: piece * PIECE, lastPos: (piece + 1) * PIECE - 1 }));
  const found = await Promise.all(ranges.map((range) => owner.find(range, never)));
  t.same(found, [{ kind: 'own' }, { kind: 'own' }, { kind: 'own' }]);
  t.same(await state.read(names.state), new Map(), 'nothing was noted');
});

t.test(
  'of a blob of very many pieces the first ones are shared, and nobody waits for the others',
  async (t) => {
    const { open, state, memory } = openReplicas(t);
    const [owner, follower] = [open(), open()];
    await owner.find(whole, never);
    const length = (MAX_NOTED_PIECES + 1) * PIECE;
    const read = (_: number, into: Uint8Array): Promise<number> => Promise.resolve(into.fill(1).length);
    const partial = owner.watch({ ...partialOf(bytes), length, read }, events);
    const waiting = follower.find(whole, never);
    for (const piece of [MAX_NOTED_PIECES, 0]) await partial.complete(piece);
    t.equal((await waiting).kind, 'content');
    const noted = await state.read(names.state);
    t.same([...(noted?.keys() ?? [])].toSorted(), ['0', 'length', 'wanted']);
    t.equal(await memory.length(names.piece(MAX_NOTED_PIECES), never), undefined);
    const last = { firstPos: MAX_NOTED_PIECES * PIECE, lastPos: length - 1 };
    t.same(await follower.find(last, never), { kind: 'own' });
  },
);

t.test('a state that is late once takes no lease away', async (t) => {
  const inner = createProcessState();
  let renewals = 0;
  const state: SharedState = {
    ...inner,
    kind: 'redis',
    async acquire(name, ttlMs) {
      const lease = await inner.acquire(name, ttlMs);
      if (lease === undefined || lease === 'held') return lease;
      const renew = () => ((renewals += 1) === 1 ? Promise.resolve(false) : lease.renew());
      return { ...lease, renew };
    },
  };
  const { open } = openReplicas(t, state);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  const partial = owner.watch(partialOf(bytes), events);
  await until(() => renewals >= 2, 'it was renewed again');
  const waiting = follower.find(whole, never);
  await partial.complete(0);
  t.equal((await waiting).kind, 'content', 'it gives its pieces');
});

t.test('the whole blob, once it is there', async (t) => {
  const { open, memory } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  owner.watch(partialOf(bytes), events);
  const waiting = follower.find({ firstPos: 100, lastPos: 1_000_000 }, never);
  await memory.put(names.blob, contentOfBytes(bytes), never);
  await owner.uploaded(true);
  const found = await waiting;
  if (found.kind !== 'content') throw new Error('it was there');
  t.same(found.range, { firstPos: 100, lastPos: bytes.length - 1 });
  t.ok((await buffer(found.body)).equals(bytes.subarray(100)));
  follower.distrust();
  t.same(await follower.find(whole, never), { kind: 'own' }, 'not after it was wrong');
});

t.test('a state that can not be asked: everybody fetches, and gives', async (t) => {
  const away: SharedState = {
    ...createProcessState(),
    kind: 'redis',
    acquire: () => Promise.resolve(undefined),
    read: () => Promise.resolve(undefined),
  };
  const { open } = openReplicas(t, away);
  for (const fill of [open(), open()]) {
    t.same(await fill.find(whole, never), { kind: 'own' });
    t.equal(await fill.mayUpload(), true);
  }
});

t.test('one that fell out of the list while its fill went on leaves no timer', async (t) => {
  const timers = new Set<() => void>();
  const setTimer: SharedClock['setTimer'] = (milliseconds, fire) => {
    const cancel = SYSTEM_CLOCK.setTimer(milliseconds, () => {
      timers.delete(cancel);
      fire();
    });
    timers.add(cancel);
    return () => {
      timers.delete(cancel);
      cancel();
    };
  };
  const { open } = openReplicas(t, undefined, {}, setTimer);
  const owner = open();
  await owner.find(whole, never);
  const publish = () => Promise.resolve({ length: bytes.length, path: '/', read: readBytes, close });
  const partial = owner.watch({ ...partialOf(bytes), publish }, events);
  t.ok(timers.size > 0);
  await owner.close();
  await partial.publish();
  t.equal(timers.size, 0);
});

t.test('who leaves waits no longer', async (t) => {
  const { open } = openReplicas(t);
  const [owner, follower] = [open(), open()];
  await owner.find(whole, never);
  const leaving = new AbortController();
  const waiting = follower.find(whole, leaving.signal);
  leaving.abort(new Error('the client has left'));
  await t.rejects(waiting, { message: 'the client has left' });
});
