import {
  type Arbitrary,
  array,
  asyncProperty,
  boolean,
  constantFrom,
  integer,
  oneof,
  option,
  record,
} from 'fast-check';
import t from 'tap';
import type { BlobFailure, OpenResult } from '../../src/blob/open-blob.ts';
import { openBlob } from '../../src/blob/open-blob.ts';
import type { ResumeLimits } from '../../src/blob/resume.ts';
import type { RangeSpec } from '../../src/http/range.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { createMemorySource, type SourceFault } from '../support/memory-source.ts';
import { holdsInTime } from '../support/property.ts';

const blob = pseudoRandomBytes('open blob', 40_000);
const metrics = createMetrics();
const deps = (limits: Partial<ResumeLimits> = {}) => ({ metrics, now: () => 0, random: () => 0, limits });

type Read = { readonly bytes: Buffer; readonly failure: BlobFailure | undefined };

/** Reads to the end, pausing before every `pauseEvery`th chunk for a turn, or leaves after so many chunks. */
function readAll(
  opened: Extract<OpenResult, { kind: 'content' }>,
  pool: ReturnType<typeof createBufferPool>,
  reader: { readonly pauseEvery: number; readonly leavesAfter: number | undefined },
): Promise<Read> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (failure?: BlobFailure): void => resolve({ bytes: Buffer.concat(chunks), failure });
    opened.pipe({
      data(chunk, slab) {
        chunks.push(Buffer.from(chunk));
        pool.unpin(slab);
        if (chunks.length === reader.leavesAfter) {
          opened.cancel();
          done();
        } else if (chunks.length % reader.pauseEvery === 0) {
          opened.pause();
          setImmediate(() => opened.resume());
        }
      },
      end: () => done(),
      failed: done,
    });
  });
}

async function settled(isSettled: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1000 && !isSettled(); turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const faults: Arbitrary<SourceFault[]> = array(
  oneof(
    record<SourceFault>({ cutAfter: integer({ min: 0, max: 15_000 }) }),
    constantFrom<SourceFault>({ status: 503 }, { status: 500 }, { refuses: 'connection_refused' }, {}),
  ),
  { maxLength: 7 },
);
const reader = record({
  pauseEvery: integer({ min: 1, max: 20 }),
  leavesAfter: option(integer({ min: 1, max: 60 }), { nil: undefined }),
});
const specs = option(
  record({ firstPos: integer({ min: 0, max: 39_999 }), length: integer({ min: 1, max: 40_000 }) }),
  { nil: undefined },
);

t.test('whatever breaks off, what is read is the blob, to its end; nothing is left behind', async (t) => {
  await holdsInTime(
    t,
    'one body',
    asyncProperty(
      faults,
      reader,
      specs,
      boolean(),
      integer({ min: 500, max: 9000 }),
      async (list, who, spec, ignores, chunkBytes) => {
        const pool = createBufferPool(8 * 1024 * 1024);
        // The first answer is one, so that all of it is about a body that has begun.
        const source = createMemorySource(blob, {
          pool,
          chunkBytes,
          // Each would cost the beginning again, which is bounded.
          ignoresRange: ignores && list.length < 2,
          fault: ({ index }) =>
            index === 0 ? list.find(({ status, refuses }) => !status && !refuses) : list[index],
        });
        const range: RangeSpec | undefined = spec && {
          kind: 'int',
          firstPos: spec.firstPos,
          lastPos: spec.firstPos + spec.length - 1,
        };
        const { signal } = new AbortController();
        const opened = await openBlob(
          { source, range, knownLength: undefined, signal },
          deps({ progressBytes: 1 }),
        );
        if (opened.kind !== 'content') return false;
        const { bytes, failure } = await readAll(opened, pool, who);
        const wanted = blob.subarray(spec?.firstPos ?? 0, spec ? spec.firstPos + spec.length : undefined);
        const hasLeft = who.leavesAfter !== undefined && bytes.length < wanted.length;
        const isRight = hasLeft ? wanted.subarray(0, bytes.length).equals(bytes) : wanted.equals(bytes);
        await settled(() => source.open.count === 0 && pool.bytes.lent === 0);
        return isRight && failure === undefined && source.open.count === 0 && pool.bytes.lent === 0;
      },
    ),
    200,
  );
  t.end();
});

t.test('a reader that leaves while nothing comes ends the wait, and is told nothing more', async (t) => {
  const pool = createBufferPool(8 * 1024 * 1024);
  const source = createMemorySource(blob, {
    pool,
    fault: ({ index }) => (index === 0 ? { cutAfter: 5000 } : {}),
  });
  const patient = {
    ...deps({ baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, msWithoutProgress: 1e9 }),
    random: () => 0.9,
  };
  const { signal } = new AbortController();
  const opened = await openBlob({ source, range: undefined, knownLength: undefined, signal }, patient);
  if (opened.kind !== 'content') throw new Error('no content');
  let received = 0;
  const told: string[] = [];
  opened.pipe({
    data(chunk, slab) {
      received += chunk.length;
      pool.unpin(slab);
    },
    end: () => void told.push('end'),
    failed: () => void told.push('failed'),
  });
  await settled(() => source.open.count === 0);
  t.equal(received, 5000);
  opened.cancel();
  opened.cancel();
  await settled(() => false);
  t.strictSame(told, []);
  t.equal(source.requests.length, 1);
});

t.test('a signal that aborts ends the tries before the header section', async (t) => {
  const pool = createBufferPool(8 * 1024 * 1024);
  const source = createMemorySource(blob, { pool, fault: () => ({ status: 500 }) });
  const patient = {
    ...deps({ baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, msWithoutProgress: 1e9 }),
    random: () => 0.9,
  };
  const leaving = new AbortController();
  const opening = openBlob(
    { source, range: undefined, knownLength: undefined, signal: leaving.signal },
    patient,
  );
  await settled(() => source.requests.length === 1 && source.open.count === 0);
  const reason = new Error('left');
  leaving.abort(reason);
  await t.rejects(opening, reason);
  t.equal(source.requests.length, 1);
});

t.test('a clock that is set amid the tries neither ends them nor makes them last', async (t) => {
  const HOUR = 3_600_000;
  for (const step of [HOUR, -HOUR]) {
    const pool = createBufferPool(0);
    let wall = 100 * HOUR;
    let steady = 0;
    const fault = () => {
      wall += step;
      steady += 1000;
      return { cutAfter: 1000 };
    };
    const source = createMemorySource(blob, { pool, chunkBytes: 500, fault });
    const limits = { baseDelayMs: 0, maxDelayMs: 0, triesInAll: 1000, triesWithoutProgress: 1000 };
    const clocks = { now: () => wall, steady: () => steady };
    const opened = await openBlob(
      { source, range: undefined, knownLength: undefined, signal: new AbortController().signal },
      { ...deps(limits), ...clocks },
    );
    if (opened.kind !== 'content') throw new Error('no content');
    const { bytes, failure } = await readAll(opened, pool, { pauseEvery: 100, leavesAfter: undefined });
    t.equal(failure, undefined, `${step}`);
    t.ok(bytes.equals(blob));
  }
});

t.test('patience is measured by the steady clock', async (t) => {
  const pool = createBufferPool(0);
  let steady = 0;
  const fault = ({ index }: { index: number }) => {
    if (index > 0) steady += 50_000;
    return { cutAfter: index === 0 ? 1000 : 0 };
  };
  const source = createMemorySource(blob, { pool, chunkBytes: 500, fault });
  const opened = await openBlob(
    { source, range: undefined, knownLength: undefined, signal: new AbortController().signal },
    { ...deps({ baseDelayMs: 0, maxDelayMs: 0 }), steady: () => steady },
  );
  if (opened.kind !== 'content') throw new Error('no content');
  const { failure } = await readAll(opened, pool, { pauseEvery: 100, leavesAfter: undefined });
  t.equal(failure?.kind, 'connection_terminated');
  // Two minutes since the first failure are over with the third try.
  t.equal(source.requests.length, 4);
});
