import assert from 'node:assert/strict';
import { LINGER_MS } from '../../../../src/blob/fill/fill-linger.ts';
import { createFills, type FillsDeps } from '../../../../src/blob/fill/fills.ts';
import type { OpenedBlob } from '../../../../src/blob/open-blob.ts';
import { WrongBlob, WrongContent } from '../../../../src/blob/wrong-content.ts';
import { createMetrics } from '../../../../src/metrics/metrics.ts';
import { createBufferPool } from '../../../../src/upstream/buffer-pool.ts';
import { randomContent } from '../../../support/contract/blob-store.ts';
import { PIECE_BYTES, sha256 } from '../fill-scene.ts';
import { createMemorySpool } from './memory-spool.ts';
import { createScriptedSource } from './scripted-source.ts';

/** The real fill, to which nothing happens but what it is told, and what can be seen of it from outside. */
export type FillRig = {
  /** One of the model's events, or `pause`, `resume` of a reader, or `linger`: the wait for another reader is over. */
  play(event: string): void;
  /** When everything that follows from it has happened. */
  settle(): Promise<Seen>;
  /** All is well from here on: everybody comes to an end, and nothing is left. */
  finish(): Promise<void>;
};

export type Seen = {
  readonly isFilling: boolean;
  /** A fill has ended and waits for the store. */
  readonly isEnding: boolean;
  readonly mostOwners: number;
  /** As in the model's events: `1 of 0`. */
  readonly requests: readonly string[];
  readonly renewing: number | null;
  readonly resting: readonly number[];
  readonly published: 'no' | 'right' | 'wrong';
  readonly readers: readonly SeenReader[];
};

export type SeenReader = {
  state: 'absent' | 'waiting' | 'reading' | 'whole' | 'short' | 'reset' | 'left' | 'sent away';
  /** Whole pieces it has got. */
  pieces: number;
  isRight: boolean;
};

/** Left out or done wrongly, to see that it is found. */
export type Fault =
  /** Whoever rests is not waked. */
  | 'sleeps'
  /** Another digest is taken for the right one. */
  | 'believes'
  /** A second process's fills work on the same spool. */
  | 'two owners'
  /** Who hangs up is not let go of. */
  | 'keeps leavers';

/** Bytes that come before a request is cut: few, so that a piece does not come whole by them. */
const CUT_BYTES = 16;
/** Turns of the event loop in which nothing was under way: more than anything takes between two operations. */
const QUIET_TURNS = 8;
/** Rounds in which everybody must come to an end. */
const MAX_ROUNDS = 60;

type Seat = SeenReader & { bytes: Buffer; abort: AbortController; blob: OpenedBlob | undefined };

export function createFillRig(lies: readonly boolean[], pieces: number, fault?: Fault): FillRig {
  const content = randomContent(pieces * PIECE_BYTES);
  const wrong = Buffer.from(content.bytes);
  // Of each piece the last byte, which no cut request brings.
  for (let end = PIECE_BYTES; end <= wrong.length; end += PIECE_BYTES) {
    wrong.writeUInt8(wrong.readUInt8(end - 1) ^ 1, end - 1);
  }
  const digest = fault === 'believes' ? (sha256(wrong) as typeof content.digest) : content.digest;
  const sources = lies.map((isLiar, index) =>
    createScriptedSource(
      isLiar ? wrong : content.bytes,
      `https://source${index}.test`,
      PIECE_BYTES,
      CUT_BYTES,
    ),
  );
  const pool = createBufferPool(8 * 1024 * 1024);
  const spool = createMemorySpool(content.bytes.length, PIECE_BYTES);
  const lingering = new Set<() => void>();
  const resting = new Map<number, () => void>();
  const paused = new Set<number>();
  /** Whose request is told what becomes of it. */
  let acting = 0;
  const deps: FillsDeps = {
    store: spool,
    scope: 'contoso',
    pool,
    metrics: createMetrics(),
    log: { warn() {}, error() {} },
    now: () => 0,
    random: () => 0.5,
    // The first failure is forgiven, the second is not: the model's patience.
    resumeLimits: { triesWithoutProgress: 1 },
    openFile: (path) => spool.openFile(path),
    setTimer(milliseconds, fire) {
      if (milliseconds === LINGER_MS) {
        lingering.add(fire);
        return () => lingering.delete(fire);
      }
      const source = acting;
      assert.ok(!resting.has(source), 'a host rests twice');
      resting.set(source, fire);
      return () => resting.delete(source);
    },
  };
  const fills = createFills(deps);
  const otherFills = createFills(deps);
  const seats = lies.map(
    (): Seat => ({
      state: 'absent',
      pieces: 0,
      isRight: true,
      bytes: Buffer.alloc(0),
      abort: new AbortController(),
      blob: undefined,
    }),
  );

  const isThere = ({ state }: Seat): boolean => state === 'waiting' || state === 'reading';

  async function sit(index: number): Promise<void> {
    const seat = seats[index] as Seat;
    const source = sources[index];
    assert.ok(source);
    const wanted = { digest, source, range: undefined, knownLength: content.bytes.length };
    const joins = fault === 'two owners' && index === 1 ? otherFills : fills;
    seat.state = 'waiting';
    const end = (state: SeenReader['state']): void => {
      if (isThere(seat)) seat.state = state;
    };
    const fail = (failure: unknown): void =>
      end(failure instanceof WrongBlob || failure instanceof WrongContent ? 'reset' : 'short');
    try {
      const joined = await joins.join({ ...wanted, signal: seat.abort.signal });
      if (joined?.kind !== 'content') {
        end('sent away');
        return;
      }
      if (!isThere(seat)) joined.cancel();
      end('reading');
      seat.blob = joined;
      if (paused.has(index)) joined.pause();
      joined.pipe({
        data(chunk, slab) {
          seat.bytes = Buffer.concat([seat.bytes, chunk]);
          pool.unpin(slab);
        },
        end() {
          const { verdict } = joined;
          if (verdict?.kind === 'proved') end('whole');
          if (verdict?.kind === 'promised') {
            verdict.matches().then((matches) => end(matches ? 'whole' : 'reset'), fail);
          }
        },
        failed: fail,
      });
    } catch (error) {
      fail(error);
    }
  }

  function leave(index: number): void {
    const seat = seats[index] as Seat;
    seat.state = 'left';
    if (fault === 'keeps leavers') return;
    seat.abort.abort(new Error('the client has left'));
    seat.blob?.cancel();
  }

  function wake(source: number): void {
    const fire = resting.get(source);
    resting.delete(source);
    if (fault !== 'sleeps') fire?.();
  }

  function linger(): void {
    const due = [...lingering];
    lingering.clear();
    for (const fire of due) fire();
  }

  function play(event: string): void {
    const [what = '', first = '', , second = ''] = event.split(' ');
    const index = Number(first);
    if (what === 'join') void sit(index);
    else if (what === 'leave') leave(index);
    else if (what === 'wake') wake(index);
    else if (what === 'linger') linger();
    else if (what === 'released') spool.giveBack();
    else if (what === 'pause') {
      paused.add(index);
      seats[index]?.blob?.pause();
    } else if (what === 'resume') {
      paused.delete(index);
      seats[index]?.blob?.resume();
    } else if (what === 'renewed' || what === 'no') {
      sources.find(({ isRenewing }) => isRenewing)?.renewed(what === 'renewed');
    } else if (what === 'land' || what === 'cut' || what === 'expire') {
      acting = Number(second);
      assert.ok(sources[acting]?.act(index, what), `no request for ${event}`);
    } else assert.fail(`nobody knows how to ${event}`);
  }

  async function settle(): Promise<Seen> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise(setImmediate);
      if (spool.busy > 0) quiet = 0;
    }
    const renewing = sources.findIndex(({ isRenewing }) => isRenewing);
    const { published } = spool;
    return {
      isFilling: fills.size + otherFills.size > 0,
      isEnding: spool.isEnding,
      mostOwners: spool.mostOwners,
      requests: sources.flatMap(({ open }, index) => open.map((piece) => `${piece} of ${index}`)).toSorted(),
      renewing: renewing === -1 ? null : renewing,
      resting: [...resting.keys()].toSorted((a, b) => a - b),
      published: published === undefined ? 'no' : published.equals(content.bytes) ? 'right' : 'wrong',
      readers: seats.map(({ state, bytes }) => ({
        state,
        pieces: Math.floor(bytes.length / PIECE_BYTES),
        isRight: bytes.equals(content.bytes.subarray(0, bytes.length)),
      })),
    };
  }

  async function finish(): Promise<void> {
    for (const source of sources) source.release();
    spool.release();
    for (const index of paused) play(`resume ${index}`);
    for (let round = 0; fills.size + otherFills.size > 0 || seats.some(isThere); round += 1) {
      assert.ok(round < MAX_ROUNDS, 'somebody does not come to an end though all is well');
      await settle();
      for (const source of resting.keys()) wake(source);
      linger();
    }
    await settle();
    const left = { owners: spool.owners, files: spool.files, buffers: pool.bytes.lent, timers: resting.size };
    assert.deepEqual(left, { owners: 0, files: 0, buffers: 0, timers: 0 }, 'something is left');
    assert.ok(sources.every(({ open }) => open.length === 0));
  }

  return { play, settle, finish };
}
