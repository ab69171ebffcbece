import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { openStored } from '../../src/blob/stored-blob.ts';
import { resolveRange } from '../../src/http/range.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { collect } from '../support/memory-blob.ts';
import { rangeSpecs } from '../support/range-specs.ts';
import { createStoredFile } from '../support/stored-file.ts';
import { failureOf } from '../upstream/servers.ts';

const SIZE = 3_000_001;
const bytes = pseudoRandomBytes('stored', SIZE);
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
      async (spec, pauseEvery, pool) => {
        const opened = await openStored(await file.open(), spec, pool);
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
    { numRuns: 60 },
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
      Object.assign(file.fault, { position, how });
      const opening = openStored(await file.open(), undefined, pool);
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
});

t.test('a client that leaves: before the first byte, while paused, amid a read', async (t) => {
  const file = await createStoredFile(t, bytes);
  const pool = createBufferPool(8 * 1024 * 1024);
  for (const when of ['before', 'paused', 'reading'] as const) {
    const opened = await openStored(await file.open(), undefined, pool);
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
    t.pass(when);
  }
});
