import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { fallOver, NO_LEAST_RATE } from '../../src/blob/fall-over.ts';
import { verifierOf } from '../../src/blob/hold-back.ts';
import { LocalFailure } from '../../src/blob/local-failure.ts';
import type { OpenedBlob, OpenResult } from '../../src/blob/open-blob.ts';
import { WrongBlob } from '../../src/blob/wrong-content.ts';
import { type ByteRange, type RangeSpec, resolveRange } from '../../src/http/range.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { UpstreamFailure } from '../../src/upstream/failure.ts';
import { contentOf } from '../support/contract/blob-store.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { type Behaviour, collect, memoryBlob } from '../support/memory-blob.ts';
import { createTestClock } from '../support/test-clock.ts';
import { failureOf } from '../upstream/servers.ts';

const SIZE = 10_000;
const { bytes, digest } = contentOf(pseudoRandomBytes('fall over', SIZE));
const WHOLE = { firstPos: 0, lastPos: SIZE - 1 };
const diskFailure = new LocalFailure('EIO');

/** What a store has, whose disk fails at `failsAt`, and what the source has. */
function open(
  wanted: ByteRange,
  failsAt: number,
  source: Partial<Behaviour> & { readonly bytes?: Buffer; readonly answer?: () => Promise<OpenResult> } = {},
) {
  const pool = createBufferPool(8 * 1024 * 1024);
  const asked: (RangeSpec | undefined)[] = [];
  const stored: OpenedBlob = {
    ...memoryBlob(bytes, wanted, { chunkBytes: 700, failsAt, failure: diskFailure, pool }),
    verdict: { kind: 'proved' },
  };
  const content = fallOver(stored, {
    digest,
    pool,
    async open(range) {
      asked.push(range);
      if (source.answer !== undefined) return source.answer();
      const has = source.bytes ?? bytes;
      const found =
        range === undefined ? { firstPos: 0, lastPos: has.length - 1 } : resolveRange(range, has.length);
      if (found === undefined) return { kind: 'unsatisfiable', completeLength: has.length };
      return { ...memoryBlob(has, found, { chunkBytes: 900, ...source, pool }) };
    },
  });
  return { content, asked, pool };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('any range, wherever the disk fails: one body, and the right one', async (t) => {
  const positions = fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1), fc.nat(SIZE)).map(([a, b, at]) => ({
    range: { firstPos: Math.min(a, b), lastPos: Math.max(a, b) },
    failsAt: Math.max(at, Math.min(a, b) + 1),
  }));
  await fc.assert(
    fc.asyncProperty(positions, fc.integer({ min: 1, max: 4 }), async ({ range, failsAt }, pauseEvery) => {
      const { content, asked, pool } = open(range, failsAt);
      const got = await collect(content, pool, { pauseEvery });
      assert.ok(got.equals(bytes.subarray(range.firstPos, range.lastPos + 1)));
      assert.equal(content.length, got.length);
      const isWhole = got.length === SIZE;
      if (failsAt > range.lastPos) assert.deepEqual(asked, []);
      else if (isWhole) assert.deepEqual(asked, [undefined]);
      else assert.deepEqual(asked, [{ kind: 'int', firstPos: failsAt, lastPos: range.lastPos }]);
      assert.equal(await (verifierOf(content, digest)?.matches() ?? true), true);
      await turn();
      assert.equal(pool.bytes.lent, 0);
    }),
    { numRuns: 200 },
  );
  t.pass('holds');
});

t.test('the whole is proved anew, a range can not be', async (t) => {
  const wrong = Buffer.from(bytes);
  wrong[9000] = (wrong[9000] ?? 0) ^ 1;
  const whole = open(WHOLE, 5000, { bytes: wrong });
  const verifier = verifierOf(whole.content, digest);
  t.equal(verifier?.holdBackFrom, 0, 'its end waits for the verdict');
  t.equal((await collect(whole.content, whole.pool)).length, SIZE);
  t.equal(await verifier?.matches(), false);

  const before = open(WHOLE, 5000, { bytes: Buffer.concat([Buffer.alloc(10), bytes.subarray(10)]) });
  await collect(before.content, before.pool);
  t.equal(
    await verifierOf(before.content, digest)?.matches(),
    false,
    'also where only what is dropped is wrong',
  );

  const part = open({ firstPos: 1, lastPos: 9500 }, 5000, { bytes: wrong });
  t.equal(verifierOf(part.content, digest), undefined);
  t.equal((await collect(part.content, part.pool)).length, 9500);
});

t.test('whoever fetches the rest answers for it', async (t) => {
  for (const verdict of [true, false]) {
    const pool = createBufferPool(0);
    const rest: OpenedBlob = {
      ...memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool }),
      verdict: { kind: 'promised', matches: () => Promise.resolve(verdict) },
    };
    const { content } = open(WHOLE, 5000, { answer: () => Promise.resolve(rest) });
    await collect(content, pool);
    t.equal(await verifierOf(content, digest)?.matches(), verdict);
  }
});

t.test('while a fill needs no rest its own verdict counts, and is not asked for twice', async (t) => {
  for (const verdict of [true, false]) {
    const pool = createBufferPool(0);
    let asked = 0;
    const filled: OpenedBlob = {
      ...memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool }),
      verdict: {
        kind: 'promised',
        async matches() {
          asked += 1;
          return verdict;
        },
      },
    };
    const open = () => Promise.reject(new Error('asked elsewhere'));
    const content = fallOver(filled, { digest, pool, open, leastRate: NO_LEAST_RATE });
    t.ok((await collect(content, pool)).equals(bytes));
    t.equal(await verifierOf(content, digest)?.matches(), verdict);
    t.equal(asked, 1);
  }
});

t.test('D9 what a fill has sent before its disk failed is proved by the rest, or wrong', async (t) => {
  const wrong = Buffer.from(bytes);
  wrong[10] = (wrong[10] ?? 0) ^ 1;
  for (const { filled, chunkBytes, sent } of [
    { filled: bytes, chunkBytes: 900, sent: SIZE },
    { filled: wrong, chunkBytes: 900, sent: 5000 },
    { filled: wrong, chunkBytes: SIZE, sent: 5000 },
  ]) {
    const pool = createBufferPool(8 * 1024 * 1024);
    let cancelled = 0;
    const verdict = { kind: 'promised', matches: () => Promise.reject(diskFailure) } as const;
    const fill = memoryBlob(filled, WHOLE, { chunkBytes: 700, failsAt: 5000, failure: diskFailure, pool });
    const rest = memoryBlob(bytes, WHOLE, { chunkBytes, pool });
    const content = fallOver(
      { ...fill, verdict },
      {
        digest,
        pool,
        leastRate: NO_LEAST_RATE,
        open: async () => ({
          ...rest,
          cancel() {
            cancelled += 1;
            rest.cancel();
          },
        }),
      },
    );
    let got = 0;
    const ended = await new Promise((resolve) => {
      content.pipe({
        data(chunk, slab) {
          got += chunk.length;
          pool.unpin(slab);
        },
        end: () => resolve('end'),
        failed: ({ kind }) => resolve(kind),
      });
    });
    t.equal(ended, filled === bytes ? 'end' : 'digest_mismatch');
    t.equal(got, sent);
    t.equal(cancelled, filled === bytes ? 0 : 1, 'the source of the rest is let go');
    if (filled === bytes) t.equal(await verifierOf(content, digest)?.matches(), true);
    await turn();
    t.equal(pool.bytes.lent, 0);
  }
});

t.test(
  'K7 a disk that fails when all has come but the verdict: the source is read for that alone',
  async (t) => {
    const wrong = Buffer.from(bytes);
    wrong[10] = (wrong[10] ?? 0) ^ 1;
    const refused = new UpstreamFailure('connection_refused', 'storage', 'down');
    for (const { filled, has, failure, verdict } of [
      { filled: bytes, has: bytes, failure: diskFailure, verdict: true },
      { filled: wrong, has: bytes, failure: diskFailure, verdict: false },
      { filled: wrong, has: wrong, failure: diskFailure, verdict: false },
      { filled: bytes, has: undefined, failure: diskFailure, verdict: refused },
      // Not the disk's.
      { filled: bytes, has: bytes, failure: refused, verdict: refused },
    ]) {
      const pool = createBufferPool(8 * 1024 * 1024);
      let opens = 0;
      const promise = { kind: 'promised', matches: () => Promise.reject(failure) } as const;
      const content = fallOver(
        { ...memoryBlob(filled, WHOLE, { chunkBytes: 700, pool }), verdict: promise },
        {
          digest,
          pool,
          leastRate: NO_LEAST_RATE,
          async open(range) {
            opens += 1;
            t.equal(range, undefined);
            if (has === undefined) throw refused;
            return memoryBlob(has, WHOLE, { chunkBytes: 900, pool });
          },
        },
      );
      t.ok((await collect(content, pool)).equals(filled), 'once');
      const matches = Promise.resolve(verifierOf(content, digest)?.matches());
      t.equal(await matches.catch((error: unknown) => error), verdict);
      t.equal(opens, failure === diskFailure ? 1 : 0);
      await turn();
      t.equal(pool.bytes.lent, 0);
    }
  },
);

t.test('a client that leaves while the verdict is awaited has nothing read for it', async (t) => {
  const pool = createBufferPool(8 * 1024 * 1024);
  const verdict = Promise.withResolvers<boolean>();
  const blob = memoryBlob(bytes, WHOLE, { chunkBytes: 700, pool });
  const left = new LocalFailure('the reader has left');
  let opens = 0;
  const content = fallOver(
    {
      ...blob,
      verdict: { kind: 'promised', matches: () => verdict.promise },
      cancel: () => verdict.reject(left),
    },
    {
      digest,
      pool,
      leastRate: NO_LEAST_RATE,
      open() {
        opens += 1;
        return Promise.reject(left);
      },
    },
  );
  await collect(content, pool);
  const matches = Promise.resolve(verifierOf(content, digest)?.matches());
  content.cancel();
  t.equal(await failureOf(matches), left);
  t.equal(opens, 0);
});

t.test('where the rest can not be had, the body ends', async (t) => {
  const refused = new UpstreamFailure('connection_refused', 'storage', 'down');
  const down = open(WHOLE, 5000, { answer: () => Promise.reject(refused) });
  t.equal(await failureOf(collect(down.content, down.pool)), refused);
  const wrong = open(WHOLE, 5000, {
    answer: () => Promise.reject(new WrongBlob('http_protocol_error', 'storage', 'quarantined')),
  });
  t.match(await failureOf(collect(wrong.content, wrong.pool)), { kind: 'digest_mismatch' });
  const odd = open(WHOLE, 5000, { answer: () => Promise.reject(new TypeError('a defect')) });
  t.match(await failureOf(collect(odd.content, odd.pool)), { kind: 'internal_error' });
  for (const length of [5000, 9999, 20_000]) {
    const other = open({ firstPos: 5, lastPos: 9990 }, 6000, { bytes: Buffer.alloc(length) });
    t.match(await failureOf(collect(other.content, other.pool)), { kind: 'internal_error' }, `${length}`);
    await turn();
    t.equal(other.pool.bytes.lent, 0);
  }
  const twice = open(WHOLE, 5000, { failsAt: 7000, failure: diskFailure });
  t.equal(await failureOf(collect(twice.content, twice.pool)), diskFailure, 'there is no third place');
  t.equal(twice.asked.length, 1);
});

t.test('a client that leaves while the rest is being opened leaves nothing open', async (t) => {
  const opening = Promise.withResolvers<OpenResult>();
  const asked = Promise.withResolvers<void>();
  const { content, pool } = open(WHOLE, 1, {
    answer() {
      asked.resolve();
      return opening.promise;
    },
  });
  let cancelled = 0;
  content.pipe({
    data: (_, slab) => pool.unpin(slab),
    end: () => t.fail('the end'),
    failed: () => t.fail('a failure'),
  });
  await asked.promise;
  content.cancel();
  opening.resolve({
    ...memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool }),
    cancel: () => void (cancelled += 1),
  });
  await turn();
  t.equal(cancelled, 1);
  t.equal(pool.bytes.lent, 0);
});

t.test('what the client does not take is not read on, either', async (t) => {
  const opening = Promise.withResolvers<OpenResult>();
  const { content, pool } = open(WHOLE, 1, { answer: () => opening.promise });
  const got: Buffer[] = [];
  const done = Promise.withResolvers<void>();
  content.pipe({
    data(chunk, slab) {
      got.push(Buffer.from(chunk));
      pool.unpin(slab);
    },
    end: () => done.resolve(),
    failed: done.reject,
  });
  await turn();
  content.pause();
  opening.resolve(memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool }));
  for (let turns = 0; turns < 10; turns += 1) await turn();
  t.equal(Buffer.concat(got).length, 1);
  content.resume();
  await done.promise;
  t.ok(Buffer.concat(got).equals(bytes));
});

/** A stored blob that stops at `hangsAt`, until it comes back. */
function hanging(pool: ReturnType<typeof createBufferPool>, hangsAt: number) {
  const blob = memoryBlob(bytes, WHOLE, { chunkBytes: 700, pool });
  let held: (() => void)[] | undefined;
  let cancelled = false;
  const hung = Promise.withResolvers<void>();
  const stored: OpenedBlob = {
    ...blob,
    verdict: { kind: 'proved' },
    pipe(sink) {
      let position = 0;
      const pass = (tell: () => void): void => {
        if (held === undefined) tell();
        else held.push(tell);
      };
      blob.pipe({
        data(chunk, slab) {
          position += chunk.length;
          pass(() => sink.data(chunk, slab));
          if (position < hangsAt || held !== undefined) return;
          held = [];
          hung.resolve();
        },
        end: () => pass(() => sink.end()),
        failed: (failure) => pass(() => sink.failed(failure)),
      });
    },
    cancel() {
      cancelled = true;
    },
  };
  return {
    stored,
    hung: hung.promise,
    isCancelled: () => cancelled,
    /** The disk answers after all. */
    comesBack() {
      const telling = held ?? [];
      held = undefined;
      for (const tell of telling) tell();
    },
  };
}

t.test(
  'a disk that hangs: the rest comes from elsewhere, and what the disk says later is dropped',
  async (t) => {
    const pool = createBufferPool(8 * 1024 * 1024);
    const clock = createTestClock();
    const disk = hanging(pool, 5000);
    const content = fallOver(disk.stored, {
      digest,
      pool,
      rateClock: clock,
      open: async () => memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool }),
    });
    const collected = collect(content, pool);
    await disk.hung;
    clock.pass(9_999);
    t.equal(disk.isCancelled(), false);
    // What came before counts for the first ten seconds.
    clock.pass(10_001);
    t.equal(disk.isCancelled(), true, 'it keeps its buffer until it has come back');
    t.ok((await collected).equals(bytes));
    while (pool.bytes.lent === 0) await turn();
    disk.comesBack();
    await turn();
    t.equal(pool.bytes.lent, 0);
    t.equal(clock.timers, 0);
  },
);

t.test('a client that takes its time is no disk that hangs', async (t) => {
  const pool = createBufferPool(8 * 1024 * 1024);
  const clock = createTestClock();
  const { stored } = hanging(pool, SIZE + 1);
  let opens = 0;
  const content = fallOver(stored, {
    digest,
    pool,
    rateClock: clock,
    async open() {
      opens += 1;
      return memoryBlob(bytes, WHOLE, { chunkBytes: 900, pool });
    },
  });
  let got = 0;
  await new Promise<void>((resolve, reject) => {
    content.pipe({
      data(chunk, slab) {
        got += chunk.length;
        pool.unpin(slab);
        content.pause();
        clock.pass(3_600_000);
        content.resume();
      },
      end: resolve,
      failed: reject,
    });
  });
  t.equal(got, SIZE);
  t.equal(opens, 0);
  t.equal(clock.timers, 0);
});

t.test('a client that leaves while the disk hangs is waited for by nobody', async (t) => {
  const pool = createBufferPool(8 * 1024 * 1024);
  const clock = createTestClock();
  const disk = hanging(pool, 5000);
  const content = fallOver(disk.stored, {
    digest,
    pool,
    rateClock: clock,
    open: () => Promise.reject(new Error('asked elsewhere')),
  });
  content.pipe({
    data: (_, slab) => pool.unpin(slab),
    end: () => t.fail('the end'),
    failed: () => t.fail('a failure'),
  });
  await disk.hung;
  content.cancel();
  t.equal(disk.isCancelled(), true);
  t.equal(clock.timers, 0);
  clock.pass(100_000);
  disk.comesBack();
  await turn();
  t.equal(pool.bytes.lent, 0);
});
