import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { createFillHedge } from '../../../src/blob/fill/fill-hedge.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import type { SourceFault, SourceRequest } from '../../support/memory-source.ts';
import { holdsInTime } from '../../support/property.ts';
import { mustOpen, nothingLeft, openFillScene, PIECE_BYTES, read, until } from './fill-scene.ts';

const content = randomContent(60 * PIECE_BYTES + 11);
const LENGTH = content.bytes.length;

t.test('slow: more than nearly all of the siblings, once there are enough of them', (t) => {
  const hedge = createFillHedge(1_000_000);
  for (let piece = 0; piece < 7; piece += 1) hedge.sample(1000, 1000);
  t.equal(hedge.slowAfter(1000), undefined, 'too few');
  hedge.sample(1000, 1000);
  t.equal(hedge.slowAfter(1000), 1000);
  t.equal(hedge.slowAfter(5000), 5000, 'in proportion');
  t.equal(hedge.slowAfter(10), 1000, 'never less than a busy machine may take');
  for (let piece = 0; piece < 64; piece += 1) hedge.sample(1000, piece < 2 ? 9000 : 3000);
  t.equal(hedge.slowAfter(1000), 3000, 'the latest count, and two of 64 are exceptions');
  hedge.sample(0, 5);
  t.end();
});

t.test('a twentieth of the blob may come twice', (t) => {
  const hedge = createFillHedge(1000);
  t.ok(hedge.reserve(30));
  t.notOk(hedge.reserve(21));
  t.ok(hedge.reserve(20));
  hedge.refund(20);
  t.ok(hedge.reserve(20));
  t.end();
});

/** A fill on a clock that goes by turns of the event loop, 2 ms each: a piece takes some 10 ms, and a second is slow. */
async function openClockScene(t: Parameters<typeof openFillScene>[0]) {
  let now = 0;
  let isOver = false;
  const scene = await openFillScene(t, { now: () => now, neverLingers: true });
  const tick = (): void => {
    now += 2;
    if (!isOver) setImmediate(tick);
  };
  tick();
  t.teardown(() => {
    isOver = true;
  });
  return scene;
}

function hedges(text: string): Record<string, number> {
  const lines = text.matchAll(/^berth_fill_hedges_total\{result="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(lines, ([, result = '', count]) => [result, Number(count)] as const));
}

const stuckAt = (index: number): ((request: SourceRequest) => SourceFault | undefined) => {
  return (request) => (request.index === index ? { stallAfter: 1024 } : undefined);
};

t.test('a connection that stands still is overtaken, at another host where there is one', async (t) => {
  const scene = await openClockScene(t);
  const stuck = scene.source(content, { fault: stuckAt(30) });
  const other = scene.source(content, {
    origin: 'https://two.test',
  });
  const first = read(scene.pool, await mustOpen(scene.join(content, stuck)));
  const second = read(scene.pool, await mustOpen(scene.join(content, other)));
  for (const reading of [first, second]) {
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  await nothingLeft(scene);
  t.equal(stuck.open.count, 0, 'the loser has ended');
  t.ok((hedges(await scene.metrics.text())['won'] ?? 0) >= 1);
  t.ok(other.requests.length >= 1);
  t.ok(stuck.sent.bytes + other.sent.bytes <= LENGTH * 1.05, 'little came twice');
});

t.test('with one host, a new connection is the other one', async (t) => {
  const scene = await openClockScene(t);
  const source = scene.source(content, { fault: stuckAt(20) });
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  await nothingLeft(scene);
  t.ok((hedges(await scene.metrics.text())['won'] ?? 0) >= 1);
  t.ok(source.sent.bytes <= LENGTH * 1.05);
});

t.test('a hedge that ignores Range, or breaks off, costs the first request nothing', async (t) => {
  const scene = await openClockScene(t);
  let isStuck = true;
  const source = scene.source(content, {
    gate: {
      get end() {
        return isStuck ? 40 * PIECE_BYTES + 100 : LENGTH;
      },
    },
  });
  const whole = scene.source(content, {
    origin: 'https://two.test',
    ignoresRange: true,
    fault() {
      isStuck = false;
      return undefined;
    },
  });
  const first = read(scene.pool, await mustOpen(scene.join(content, source)));
  const second = read(scene.pool, await mustOpen(scene.join(content, whole)));
  for (const reading of [first, second]) {
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  await nothingLeft(scene);
  t.equal(hedges(await scene.metrics.text())['won'], 0);
  t.ok(source.sent.bytes + whole.sent.bytes <= LENGTH * 1.05);
});

t.test('what is on its way when a request is ended counts, too', async (t) => {
  const scene = await openClockScene(t);
  let isCut = false;
  const stuck = new Set<number>();
  const source = scene.source(content, {
    fault({ firstPos }) {
      const piece = firstPos / PIECE_BYTES;
      if (isCut || piece < 20 || piece % 4 > 0 || stuck.has(piece)) return undefined;
      stuck.add(piece);
      return { cutWhen: () => isCut };
    },
  });
  const asked = () => source.requests.reduce((sum, { firstPos, lastPos }) => sum + lastPos + 1 - firstPos, 0);
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  await until(() => stuck.size > 0, 'one stands still');
  let seen = -1;
  for (let quiet = 0; quiet < 2000; quiet += 1) {
    if (source.sent.bytes !== seen) quiet = 0;
    seen = source.sent.bytes;
    await new Promise(setImmediate);
  }
  t.ok((hedges(await scene.metrics.text())['won'] ?? 0) >= 1);
  t.ok(asked() <= LENGTH * 1.05, `a source may have sent all that it was asked for: ${asked()} of ${LENGTH}`);
  isCut = true;
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
});

const plan = fc.record({
  chunkBytes: fc.constantFrom(64, 300, 1024),
  /** Requests that stand still for good after so many bytes. */
  stuck: fc.uniqueArray(fc.record({ index: fc.nat(80), after: fc.nat(PIECE_BYTES) }), {
    maxLength: 4,
    selector: ({ index }) => index,
  }),
  /** Of both hosts: a request that is cut. */
  cut: fc.option(fc.nat(60), { nil: undefined }),
});

t.test('whichever stand still: right bytes, and at most a twentieth twice', async (t) => {
  const scene = await openClockScene(t);
  await holdsInTime(
    t,
    'any requests that stand still',
    fc.asyncProperty(plan, async ({ chunkBytes, stuck, cut }) => {
      const own = randomContent(60 * PIECE_BYTES + 11);
      let isGivenUp = false;
      const source = scene.source(own, {
        chunkBytes,
        fault({ index }) {
          if (index === cut) return { cutAfter: 700 };
          const found = stuck.find((one) => one.index === index);
          return found === undefined || isGivenUp ? undefined : { stallAfter: found.after };
        },
      });
      const reading = read(scene.pool, await mustOpen(scene.join(own, source)), undefined);
      const life = { isOver: false, quietTurns: 0, seen: 0 };
      void reading.ended.finally(() => {
        life.isOver = true;
      });
      // What the budget has not been enough for waits for the idle timeout, which a memory source does not have.
      while (!life.isOver && (stuck.length === 0 || life.quietTurns < 2000)) {
        // Without a request under way it is the disk that is slow.
        const isQuiet = source.open.count > 0 && source.sent.bytes === life.seen;
        life.quietTurns = isQuiet ? life.quietTurns + 1 : 0;
        life.seen = source.sent.bytes;
        await new Promise(setImmediate);
      }
      isGivenUp = true;
      if (!life.isOver) {
        reading.blob.cancel();
      } else {
        assert.ok(reading.bytes().equals(own.bytes));
      }
      assert.ok(source.sent.bytes <= own.bytes.length * 1.05, `${source.sent.bytes} of ${own.bytes.length}`);
    }),
    30,
  );
  await scene.fills.close();
  await nothingLeft(scene);
});
