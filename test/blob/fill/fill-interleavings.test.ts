import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import type { BlobStore } from '../../../src/cache/blob-store.ts';
import type { RangeSpec } from '../../../src/http/range.ts';
import { type Content, randomContent } from '../../support/contract/blob-store.ts';
import { openTestStore } from '../../support/disk-store.ts';
import type { MemorySource } from '../../support/memory-source.ts';
import { holdsInTime } from '../../support/property.ts';
import {
  descriptors,
  type FillScene,
  nothingLeft,
  openFillScene,
  PIECE_BYTES,
  type Reading,
  read,
  until,
} from './fill-scene.ts';

/** Some 10 ms each; thousands were played when it was written. */
const RUNS = 100;
const MAX_LENGTH = 12 * PIECE_BYTES;

const range: fc.Arbitrary<RangeSpec | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.tuple(fc.nat(MAX_LENGTH), fc.option(fc.nat(MAX_LENGTH), { nil: undefined })).map(([firstPos, more]) => ({
    kind: 'int' as const,
    firstPos,
    lastPos: more === undefined ? undefined : firstPos + more,
  })),
  fc.nat(MAX_LENGTH).map((suffixLength) => ({ kind: 'suffix' as const, suffixLength })),
);

const fault = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.record({ cutAfter: fc.nat(2 * PIECE_BYTES) }),
  fc.record({ status: fc.constantFrom(403, 404, 429, 500, 503) }),
  fc.constant({ refuses: 'connection_refused' as const }),
);

const source = fc.record({
  ignoresRange: fc.boolean(),
  /** Of each request, over and over. */
  faults: fc.array(fault, { minLength: 1, maxLength: 5 }),
  chunkBytes: fc.constantFrom(100, 1000, 5000),
  /** It has other bytes there. */
  lieAt: fc.option(fc.nat(MAX_LENGTH), { nil: undefined, freq: 5 }),
});

const reader = fc.record({
  range,
  source: fc.nat(2),
  /** Turns of the event loop before it comes. */
  delay: fc.nat(60),
  /** It leaves, or aborts before it has anything, when it has so many bytes. */
  leavesAt: fc.option(fc.nat(MAX_LENGTH), { nil: undefined }),
  abortsAfter: fc.option(fc.nat(40), { nil: undefined, freq: 4 }),
});

const scenario = fc.record({
  length: fc.oneof(fc.nat(MAX_LENGTH), fc.constantFrom(0, 1, PIECE_BYTES, 3 * PIECE_BYTES)),
  sources: fc.array(source, { minLength: 3, maxLength: 3 }),
  readers: fc.array(reader, { minLength: 1, maxLength: 6 }),
  knowsLength: fc.boolean(),
  timersFireEarly: fc.boolean(),
  /** The disk fails so many operations later, once or from then on. */
  disk: fc.option(
    fc.record({
      operation: fc.constantFrom(
        'has' as const,
        'write' as const,
        'complete' as const,
        'read' as const,
        'publish' as const,
      ),
      after: fc.oneof(fc.nat(2), fc.nat(30)),
      isBroken: fc.boolean(),
    }),
    { nil: undefined },
  ),
  /** What the first one leaves on the disk the second one begins with. */
  rounds: fc.constantFrom(1, 2),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

function makeSource(
  scene: FillScene,
  content: Content,
  index: number,
  plan: Scenario['sources'][number],
): MemorySource {
  const bytes = Buffer.from(content.bytes);
  const lieAt = plan.lieAt !== undefined && plan.lieAt < bytes.length ? plan.lieAt : undefined;
  if (lieAt !== undefined) bytes.writeUInt8(bytes.readUInt8(lieAt) ^ 1, lieAt);
  return scene.source(
    { ...content, bytes },
    {
      origin: `https://source${index}.test`,
      chunkBytes: plan.chunkBytes,
      ignoresRange: plan.ignoresRange,
      fault: (request) => plan.faults[request.index % plan.faults.length],
    },
  );
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

/** One reader's life; undefined where it got nothing to read. */
async function live(
  scene: FillScene,
  content: Content,
  from: MemorySource,
  plan: Scenario['readers'][number],
  length: number | undefined,
): Promise<Reading | undefined> {
  await turns(plan.delay);
  const abort = new AbortController();
  if (plan.abortsAfter !== undefined) void turns(plan.abortsAfter).then(() => abort.abort());
  const wanted = { length, signal: abort.signal, ...(plan.range !== undefined && { range: plan.range }) };
  const result = await scene.join(content, from, wanted).catch((error: unknown) => {
    assert.ok(error instanceof Error);
    return undefined;
  });
  if (result?.kind !== 'content') return undefined;
  const reading = read(scene.pool, result, plan.leavesAt);
  if (plan.leavesAt === undefined) {
    await reading.ended;
    return reading;
  }
  let isOver = false;
  void reading.ended.finally(() => {
    isOver = true;
  });
  const { leavesAt } = plan;
  await until(() => isOver || reading.bytes().length >= leavesAt, 'it has read enough to leave');
  result.cancel();
  return reading;
}

/** The same store, whose partial blobs fail as the scenario has it. */
function withFaults(store: BlobStore, faulty: { disk: Scenario['disk'] }): BlobStore {
  return {
    ...store,
    get usage() {
      return store.usage;
    },
    async openPartial(...wanted) {
      const partial = await store.openPartial(...wanted);
      if (partial === undefined) return undefined;
      let left = faulty.disk?.after ?? 0;
      const failing = <Args extends unknown[], Result>(
        name: NonNullable<Scenario['disk']>['operation'],
        act: (...args: Args) => Promise<Result>,
      ): ((...args: Args) => Promise<Result>) => {
        return async (...args) => {
          const { disk } = faulty;
          if (disk?.operation === name) {
            left -= 1;
            if (left === -1 || (left < 0 && disk.isBroken)) throw new Error(`the disk: ${name}`);
          }
          return act(...args);
        };
      };
      return {
        ...partial,
        get path() {
          return partial.path;
        },
        has: failing('has', (piece: number) => partial.has(piece)),
        write: failing('write', (position: number, bytes: Uint8Array) => partial.write(position, bytes)),
        complete: failing('complete', (piece: number) => partial.complete(piece)),
        read: failing('read', (position: number, buffer: Uint8Array) => partial.read(position, buffer)),
        publish: failing('publish', () => partial.publish()),
      };
    },
  };
}

async function play(scene: FillScene, plan: Scenario): Promise<void> {
  const content = randomContent(plan.length);
  for (let round = 0; round < plan.rounds; round += 1) await playRound(scene, content, plan);
  await checkStore(scene, content, plan);
}

async function playRound(scene: FillScene, content: Content, plan: Scenario): Promise<void> {
  const sources = plan.sources.map((source, index) => makeSource(scene, content, index, source));
  const isHonest = plan.sources.every(({ lieAt }) => lieAt === undefined || lieAt >= plan.length);
  const length = plan.knowsLength ? plan.length : undefined;
  let isPlaying = true;
  const fire = (): void => {
    if (plan.timersFireEarly) scene.fireTimers();
    if (isPlaying) setImmediate(fire);
  };
  fire();
  const readings = await Promise.all(
    plan.readers.map(async (reader) => {
      const from = sources[reader.source] as MemorySource;
      const reading = await live(scene, content, from, reader, length);
      return { reading, leaves: reader.leavesAt !== undefined };
    }),
  ).finally(() => {
    isPlaying = false;
  });
  for (const { reading, leaves } of readings) {
    if (reading === undefined) continue;
    const { range: got, length: wanted } = reading.blob;
    const first = got?.firstPos ?? 0;
    const isRight = reading.bytes().equals(content.bytes.subarray(first, first + reading.bytes().length));
    if (isHonest) assert.ok(isRight, 'wrong bytes');
    if (leaves) continue;
    const end = await reading.ended;
    if (end.kind === 'failed') continue;
    if (end.matches !== false) assert.equal(reading.bytes().length, wanted, 'it ended short');
    if (end.matches === true) assert.ok(isRight, 'a wrong whole was called right');
    if (isHonest) assert.notEqual(end.matches, false, 'the right one was called wrong');
  }
  await until(() => {
    scene.fireTimers();
    return scene.fills.size === 0;
  }, 'the fills end');
  await nothingLeft(scene);
  await until(() => sources.every(({ open }) => open.count === 0), 'the requests end');
}

async function checkStore(scene: FillScene, content: Content, plan: Scenario): Promise<void> {
  const stored = await scene.store.open(content.digest);
  if (stored !== undefined) {
    const bytes = Buffer.alloc(stored.length);
    await stored.read(0, bytes);
    assert.ok(bytes.equals(content.bytes), 'a wrong blob was published');
    stored.close();
    await scene.store.remove(content.digest);
  } else {
    const partial = await scene.store.openPartial(content.digest, plan.length, 'contoso');
    assert.notEqual(partial, undefined, 'the spool is still owned');
    await partial?.discard();
  }
}

t.test('whoever comes, leaves and fails: right bytes, and nothing is left', async (t) => {
  const faulty: { disk: Scenario['disk'] } = { disk: undefined };
  const { store } = await openTestStore(t, { maxBytes: 1024 * PIECE_BYTES, pieceBytes: PIECE_BYTES });
  const scene = await openFillScene(t, { store: withFaults(store, faulty) });
  await play(scene, fc.sample(scenario, 1)[0] as Scenario);
  const before = descriptors();
  await holdsInTime(
    t,
    'any interleaving',
    fc.asyncProperty(scenario, (plan) => {
      faulty.disk = plan.disk;
      return play(scene, plan);
    }),
    RUNS,
  );
  await until(() => descriptors() <= before, 'no descriptor is left');
  t.end();
});
