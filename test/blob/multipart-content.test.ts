import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { asSpec } from '../../src/blob/blob-opener.ts';
import { endOfAscent, multipartContent } from '../../src/blob/multipart-content.ts';
import type { OpenedBlob } from '../../src/blob/open-blob.ts';
import { planRuns } from '../../src/blob/plan-runs.ts';
import { WrongBlob } from '../../src/blob/wrong-content.ts';
import { multipartByteranges } from '../../src/http/multipart-byteranges.ts';
import { type ByteRange, resolveRange } from '../../src/http/range.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { UpstreamFailure } from '../../src/upstream/failure.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { type Behaviour, collect, memoryBlob } from '../support/memory-blob.ts';
import { parseMultipart } from '../support/parse-multipart.ts';
import { rangeSpecs } from '../support/range-specs.ts';
import { failureOf } from '../upstream/servers.ts';

const SIZE = 400_000;
const bytes = pseudoRandomBytes('multipart', SIZE);

function openMultipart(ranges: readonly ByteRange[], behaviour: Behaviour) {
  const pool = createBufferPool(1024 * 1024);
  const runs = planRuns(ranges) ?? [];
  const frame = multipartByteranges(ranges, {
    completeLength: SIZE,
    partType: 'application/octet-stream',
    boundary: 'b',
  });
  const asked: ByteRange[] = [];
  const open = (range: ByteRange, throughTo: number): OpenedBlob => {
    asked.push(range);
    const resolved = resolveRange(asSpec(range), SIZE);
    assert.ok(resolved);
    return memoryBlob(bytes, resolved, { ...behaviour, throughTo, pool });
  };
  const [first] = runs;
  assert.ok(first);
  const content = multipartContent({
    ranges,
    runs,
    frame,
    first: open(first, endOfAscent(ranges, 0)),
    open: async (range, throughTo) => open(range, throughTo),
    pool,
    where: 'storage',
  });
  return { content, pool, runs, asked, frame };
}

const behaviours = fc.record({
  chunkBytes: fc.integer({ min: 1000, max: 100_000 }),
  ignoresRange: fc.boolean(),
});

t.test('whatever ranges, chunks and pauses: the parts are the slices', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      rangeSpecs(SIZE),
      behaviours,
      fc.integer({ min: 1, max: 5 }),
      async (specs, how, pauses) => {
        const ranges = satisfiableRanges(specs, SIZE);
        if (ranges.length === 0) return;
        const { content, pool, runs, asked, frame } = openMultipart(ranges, how);
        const body = await collect(content, pool, { pauseEvery: pauses });
        assert.equal(body.length, content.length);
        const parts = parseMultipart(frame.contentType, body);
        assert.equal(parts.length, ranges.length);
        for (const [index, { firstPos, lastPos }] of ranges.entries()) {
          assert.equal(parts[index]?.headers['content-range'], `bytes ${firstPos}-${lastPos}/${SIZE}`);
          assert.ok(parts[index]?.body.equals(bytes.subarray(firstPos, lastPos + 1)));
        }
        if (!how.ignoresRange) assert.equal(asked.length, runs.length);
        else assert.ok(asked.length <= runs.length);
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(pool.bytes.lent, 0, 'no slab is kept');
      },
    ),
  );
  t.pass('holds');
});

t.test('a source that ignores Range sends the whole once, where the ranges ascend', async (t) => {
  const ranges = [0, 1, 2, 3].map((n) => ({ firstPos: n * 100_000, lastPos: n * 100_000 + 9 }));
  const { content, pool, asked } = openMultipart(ranges, { chunkBytes: 30_000, ignoresRange: true });
  t.equal((await collect(content, pool)).length, content.length);
  t.equal(asked.length, 1);
});

t.test('a run that fails, ends early or can not be opened ends the whole', async (t) => {
  const ranges = [0, 1, 2].map((n) => ({ firstPos: n * 150_000, lastPos: n * 150_000 + 19_999 }));
  const failure = new UpstreamFailure('http_response_incomplete', 'storage', 'cut');
  for (const how of [{ failsAt: 155_000, failure }, { endsAt: 155_000 }, { endsAt: 150_000 }]) {
    const { content, pool } = openMultipart(ranges, { chunkBytes: 7000, ...how });
    t.match(await failureOf(collect(content, pool)), { kind: 'http_response_incomplete' });
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(pool.bytes.lent, 0);
  }
  for (const [kind, outcome] of [
    ['internal_error', () => Promise.reject(new TypeError('a defect'))],
    ['digest_mismatch', () => Promise.reject(new WrongBlob('destination_unavailable', 'storage', 'lies'))],
    ['http_protocol_error', () => Promise.resolve({ kind: 'unsatisfiable', completeLength: 5 } as const)],
  ] as const) {
    const { pool, runs, frame } = openMultipart(ranges, { chunkBytes: 7000 });
    const content = multipartContent({
      ranges,
      runs,
      frame,
      first: memoryBlob(bytes, { firstPos: 0, lastPos: 19_999 }, { chunkBytes: 7000, pool }),
      open: outcome,
      pool,
      where: 'storage',
    });
    t.match(await failureOf(collect(content, pool)), { kind });
  }
});

t.test('a client that takes nothing costs no further request; one that leaves gets none', async (t) => {
  const ranges = [0, 1].map((n) => ({ firstPos: n * 200_000, lastPos: n * 200_000 + 9999 }));
  const { content, pool, asked } = openMultipart(ranges, { chunkBytes: 10_000 });
  let ended = false;
  content.pipe({
    data(chunk, slab) {
      pool.unpin(slab);
      if (chunk.length > 1000) content.pause();
    },
    end() {
      ended = true;
    },
    failed: () => t.fail('no failure'),
  });
  const turns = async () => {
    for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  await turns();
  t.equal(asked.length, 1, 'the client is paused');
  content.resume();
  content.cancel();
  await turns();
  t.notOk(ended);
  t.equal(pool.bytes.lent, 0);
});
