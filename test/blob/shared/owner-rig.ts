import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { sharedNames } from '../../../src/blob/shared/shared-names.ts';
import { createSharedRecord, LENGTH, WANTED } from '../../../src/blob/shared/shared-record.ts';
import { createMemoryStore } from '../../../src/cache/objects/create-memory-store.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { createStateSeal } from '../../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../../src/ticket/ticket-keys.ts';
import { pseudoRandomBytes } from '../../support/image.ts';
import type { Content } from './owner-model.ts';
import { createRecordStore, type StoreFault } from './record-store.ts';
import { createReplicaRig, PIECE_BYTES, SCOPE, type SeenReplica } from './replica-rig.ts';

/** Real replicas before one state and one store, to which nothing happens but what they are told, and what can be seen of them. */
export type OwnerRig = {
  /** Whether it waits for this one of the model's events. */
  can(event: string): boolean;
  /** One of the model's events, or `pass` with milliseconds. Resolves when everything that follows has happened. */
  play(event: string): Promise<Seen>;
  /** All is well from here on: everybody comes to an end, and nothing is left. */
  finish(): Promise<void>;
};

export type Seen = {
  readonly holder: number | null;
  readonly isWanted: boolean;
  readonly notes: readonly Content[];
  readonly pieces: readonly Content[];
  readonly whole: Content;
  readonly replicas: readonly SeenReplica[];
  /** As in the model's events: `0 1` is piece 0 of replica 1. */
  readonly putting: readonly string[];
};

/** Turns of the event loop: more than anything takes between two waits. */
const QUIET_TURNS = 4;
/** Milliseconds in which everybody comes to an end, and pieces are removed. */
const END_MS = 60_000;
/** That the clocks of two replicas are apart: nobody compares his with another's. */
const APART_MS = 1_000_000;

export function createOwnerRig(lies: readonly boolean[], pieceCount: number, fault?: StoreFault): OwnerRig {
  const right = pseudoRandomBytes('owner', pieceCount * PIECE_BYTES);
  const wrong = Buffer.from(right);
  for (let end = PIECE_BYTES; end <= wrong.length; end += PIECE_BYTES) {
    wrong.writeUInt8(wrong.readUInt8(end - 1) ^ 1, end - 1);
  }
  const digest = `sha256:${createHash('sha256').update(right).digest('hex')}` as Digest;
  const names = sharedNames(SCOPE, digest, PIECE_BYTES);
  let time = 0;
  const now = (): number => time;
  const store = createRecordStore(now, fault);
  const objects = createMemoryStore();
  const keys = generateTicketKeys();
  const seal = createStateSeal(() => keys);
  const record = createSharedRecord(names.state, { state: store.of(0), seal, now });
  const replicas = lies.map((isLiar, index) =>
    createReplicaRig({
      digest,
      right,
      upstream: isLiar ? wrong : right,
      state: store.of(index),
      objects,
      seal,
      now: () => time + index * APART_MS,
    }),
  );
  const indexes = Array.from({ length: pieceCount }, (_, index) => index);
  const pieceOf = (bytes: Buffer, index: number): Buffer =>
    bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);

  async function quiet(): Promise<void> {
    for (let turn = 0; turn < QUIET_TURNS; turn += 1) await new Promise(setImmediate);
  }

  async function pass(milliseconds: number): Promise<void> {
    const endsAt = time + milliseconds;
    for (;;) {
      const due = replicas.flatMap(({ nextAt }, index) =>
        nextAt === undefined ? [] : [nextAt - index * APART_MS],
      );
      const at = Math.max(time, Math.min(...due));
      if (at > endsAt) break;
      time = at;
      for (const replica of replicas) if (replica.isAwake) replica.fireDue();
      await quiet();
    }
    time = endsAt;
  }

  async function contentOf(name: string, expected: Buffer, other: Buffer): Promise<Content> {
    const part = await objects.get(
      name,
      { firstPos: 0, lastPos: right.length },
      new AbortController().signal,
    );
    if (part === undefined) return 'none';
    const bytes = await buffer(part.body);
    if (bytes.equals(expected)) return 'right';
    assert.ok(bytes.equals(other), `nobody has put that there: ${name}`);
    return 'wrong';
  }

  /** What whoever looks for the piece makes of its note. */
  function noteOf(fields: ReadonlyMap<string, string>, index: number): Content {
    if (fields.get(LENGTH) !== String(right.length)) return 'none';
    const note = fields.get(String(index));
    if (note === record.noteOf(index, right.length, pieceOf(right, index))) return 'right';
    return note === record.noteOf(index, right.length, pieceOf(wrong, index)) ? 'wrong' : 'none';
  }

  async function look(): Promise<Seen> {
    const fields = store.fields(names.state);
    return {
      holder: store.holder(names.state),
      isWanted: fields.has(WANTED),
      notes: indexes.map((index) => noteOf(fields, index)),
      pieces: await Promise.all(
        indexes.map((index) => contentOf(names.piece(index), pieceOf(right, index), pieceOf(wrong, index))),
      ),
      whole: await contentOf(names.blob, right, wrong),
      replicas: replicas.map(({ seen }) => seen),
      putting: replicas.flatMap(({ putting }, index) => putting.map((piece) => `${piece} ${index}`)),
    };
  }

  function can(event: string): boolean {
    const [what = '', ...rest] = event.split(' ');
    const [piece = 0, index = piece] = rest.map(Number);
    const replica = replicas[index];
    if (what === 'put') return replica?.putting.includes(piece) === true;
    if (what === 'note') return replica?.put.includes(piece) === true;
    if (what === 'uploaded') return replica?.isUploading === true;
    return true;
  }

  return {
    can,
    async play(event) {
      const [what = '', ...rest] = event.split(' ');
      if (what === 'pass') await pass(Number(rest[0]));
      else if (what === 'lose') store.loseAll();
      else {
        const [piece = 0, index = piece] = rest.map(Number);
        const replica = replicas[index];
        assert.ok(replica, event);
        replica.act(what, piece);
        // What was due meanwhile is due now.
        if (what === 'wake') await pass(0);
      }
      await quiet();
      return look();
    },
    async finish() {
      const isBusy = ({ seen }: (typeof replicas)[number]): boolean =>
        seen.state === 'filling' || seen.state === 'uploading';
      for (let waited = 0; waited === 0 || replicas.some(isBusy); waited += 1) {
        assert.ok(waited < END_MS / 1000, 'somebody does not come to an end though all is well');
        for (const replica of replicas) replica.release();
        await pass(1000);
      }
      await pass(END_MS);
      const { holder, whole } = await look();
      assert.equal(holder, null, 'the lease is left');
      assert.notEqual(whole, 'wrong', 'a wrong blob is in the store');
      for (const replica of replicas) if (replica.isAwake) await replica.close();
    },
  };
}
