import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { openStored } from '../../src/blob/stored-blob.ts';
import type { MemoryReads } from '../../src/cache/memory-reads.ts';
import { resolveRange } from '../../src/http/range.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { collect } from '../support/memory-blob.ts';
import { memoryReadsOf, patchyPageCache, realMemoryReads } from '../support/memory-reads.ts';
import { rangeSpecs } from '../support/range-specs.ts';
import { createStoredFile } from '../support/stored-file.ts';
import { failureOf } from '../upstream/servers.ts';

const SIZE = 3_000_001;
const bytes = pseudoRandomBytes('stored', SIZE);
/** How a read at once goes: not at all, as on this machine, for some parts, a part at a time, never. */
const MEMORIES: readonly (MemoryReads | undefined)[] = [
  undefined,
  realMemoryReads(),
  memoryReadsOf(patchyPageCache((position) => (position % 3 === 0 ? Infinity : 0))),
  memoryReadsOf(patchyPageCache((position, length) => (position % length) % 5000)),
  memoryReadsOf(patchyPageCache(() => 0)),
];
const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('any range, however the client takes it, and no slab or file is kept', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pools = [createBufferPool(8 * 1024 * 1024), createBufferPool(0)];
  await fc.assert(
    fc.asyncProperty(
      fc.option(
        rangeSpecs(SIZE, 1).map(([spec]) => spec),
        { nil: undefined },
      ),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(...pools),
      fc.constantFrom(...MEMORIES),
      async (spec, pauseEvery, pool, memoryReads) => {
        const opened = await openStored(await file.open(memoryReads), spec, pool);
        const range = spec && resolveRange(spec, SIZE);
        if (opened.kind === 'unsatisfiable') assert.ok(spec !== undefined && range === undefined);
        else {
          assert.deepEqual(opened.range, range);
          const { firstPos, lastPos } = range ?? { firstPos: 0, lastPos: SIZE - 1 };
          const got = await collect(opened, pool, { pauseEvery });
          assert.ok(got.equals(bytes.subarray(firstPos, lastPos + 1)));
          assert.equal(got.length, opened.length);
          assert.deepEqual(opened.verdict, { kind: 'proved' });
        }
        await turn();
        assert.equal(file.opened(), 0);
        assert.equal(pool.bytes.lent, 0);
      },
    ),
    { numRuns: 150 },
  );
  t.pass('holds');
});

t.test('an empty blob', async (t) => {
  const file = await createStoredFile(t, new Uint8Array());
  const pool = createBufferPool(0);
  const opened = await openStored(await file.open(), undefined, pool);
  t.equal(opened.kind === 'content' && (await collect(opened, pool)).length, 0);
  t.equal(file.opened(), 0);
});

t.test('a disk that fails at once is told before anything is sent, later it is a failure', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pool = createBufferPool(8 * 1024 * 1024);
  for (const how of ['fails', 'ends'] as const) {
    for (const position of [0, 1_000_000]) {
      for (const memoryReads of MEMORIES) {
        Object.assign(file.fault, { position, how });
        const opening = file.open(memoryReads).then((blob) => openStored(blob, undefined, pool));
        if (position === 0) t.ok((await failureOf(opening)) instanceof Error);
        else {
          const opened = await opening;
          if (opened.kind === 'content')
            t.match(await failureOf(collect(opened, pool)), { kind: 'internal_error' });
        }
        await turn();
        t.equal(file.opened(), 0, `${how} at ${position}`);
        t.equal(pool.bytes.lent, 0);
      }
    }
  }
});

t.test('a client that leaves: before the first byte, while paused, amid a read', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pool = createBufferPool(8 * 1024 * 1024);
  for (const memoryReads of MEMORIES) {
    for (const when of ['before', 'paused', 'reading'] as const) {
      const opened = await openStored(await file.open(memoryReads), undefined, pool);
      if (opened.kind !== 'content') throw new Error('no content');
      if (when !== 'before') {
        await new Promise<void>((resolve) => {
          opened.pipe({
            data(_, slab) {
              pool.unpin(slab);
              if (when === 'paused') opened.pause();
              resolve();
            },
            end: () => t.fail('the end'),
            failed: () => t.fail('a failure'),
          });
        });
      }
      opened.cancel();
      opened.cancel();
      // A read that is under way keeps file and slab until it has returned.
      while (file.opened() > 0 || pool.bytes.lent > 0) await turn();
      await turn();
      t.pass(when);
    }
  }
});

t.test('a disk that hangs keeps nobody from what is in memory', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pool = createBufferPool(8 * 1024 * 1024);
  const hanging = await file.open(memoryReadsOf(patchyPageCache(() => 0)));
  const read = Promise.withResolvers<number>();
  const blocked = openStored({ ...hanging, read: () => read.promise }, undefined, pool);
  const inMemory = memoryReadsOf(patchyPageCache(() => Infinity));
  const opened = await openStored(await file.open(inMemory), undefined, pool);
  if (opened.kind !== 'content') throw new Error('no content');
  t.ok((await collect(opened, pool)).equals(bytes));
  read.reject(new Error('EIO: the disk came back'));
  t.match(await failureOf(blocked), { message: 'EIO: the disk came back' });
  t.equal(file.opened(), 0);
  t.equal(pool.bytes.lent, 0);
});

t.test('clients that take all at once leave the event loop to others after each mebibyte', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pool = createBufferPool(64 * 1024 * 1024);
  const inMemory = memoryReadsOf(patchyPageCache(() => Infinity));
  let inThisTurn = 0;
  let most = 0;
  let isOver = false;
  function countTurn(): void {
    most = Math.max(most, inThisTurn);
    inThisTurn = 0;
    if (!isOver) setImmediate(countTurn);
  }
  const all = await Promise.all(
    Array.from({ length: 20 }, async () => openStored(await file.open(inMemory), undefined, pool)),
  );
  countTurn();
  await Promise.all(
    all.map(
      (opened) =>
        new Promise<void>((resolve) => {
          if (opened.kind !== 'content') throw new Error('no content');
          opened.pipe({
            data(chunk, slab) {
              inThisTurn += chunk.length;
              pool.unpin(slab);
            },
            end: resolve,
            failed: (failure) => t.fail(failure.message),
          });
        }),
    ),
  );
  isOver = true;
  countTurn();
  // The reads that opened them are in the first turn, of 64 KiB each; a turn ends with the read that fills it.
  t.ok(most < 2.5 * 1024 * 1024, `${most} bytes in one turn`);
});
