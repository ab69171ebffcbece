import { rm } from 'node:fs/promises';
import t from 'tap';
import { createFillBudget, FILL_LIMITS } from '../../../src/blob/fill/fill-deps.ts';
import { LocalFailure } from '../../../src/blob/local-failure.ts';
import type { BlobStore, PartialBlob } from '../../../src/cache/blob-store.ts';
import { createRunningWork } from '../../../src/metrics/running-work.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import { mustOpen, nothingLeft, openFillScene, outcomes, PIECE_BYTES, read, until } from './fill-scene.ts';

const content = randomContent(10 * PIECE_BYTES);

t.test('beyond the number of fills, or their bytes, clients stream', async (t) => {
  const scene = await openFillScene(t, { limits: { maxFills: 1, maxSpoolBytes: 11 * PIECE_BYTES } });
  const large = randomContent(12 * PIECE_BYTES);
  t.equal(await scene.join(large, scene.source(large)), undefined, 'too large');
  await nothingLeft(scene);
  const gate = { end: 2 * PIECE_BYTES };
  const slow = read(scene.pool, await mustOpen(scene.join(content, scene.source(content, { gate }))));
  const other = randomContent(100);
  t.equal(await scene.join(other, scene.source(other)), undefined, 'one too many');
  gate.end = content.bytes.length;
  t.strictSame(await slow.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
  t.match(await scene.metrics.text(), /berth_fill_joins_total\{result="refused"\} 1/);
});

t.test('the number of fills is one for all registries that share a budget', async (t) => {
  const budget = createFillBudget({ ...FILL_LIMITS, maxFills: 1 });
  const scene = await openFillScene(t, { budget });
  const other = await openFillScene(t, { budget, store: scene.store });
  const gate = { end: PIECE_BYTES };
  const slow = read(scene.pool, await mustOpen(scene.join(content, scene.source(content, { gate }))));
  const small = randomContent(100);
  t.equal(await other.join(small, other.source(small)), undefined, 'the other registry has it');
  gate.end = content.bytes.length;
  await slow.ended;
  await nothingLeft(scene);
  const next = read(other.pool, await mustOpen(other.join(small, other.source(small))));
  t.strictSame(await next.ended, { kind: 'end', matches: true });
  await nothingLeft(other);
});

t.test('a store that takes nothing now means streams', async (t) => {
  const store: Pick<BlobStore, 'open' | 'openPartial'> = {
    open: async () => undefined,
    openPartial: async () => undefined,
  };
  const scene = await openFillScene(t, { store });
  t.equal(await scene.join(content, scene.source(content)), undefined);
  await nothingLeft(scene);
  t.strictSame(await outcomes(scene), { unavailable: 1 });
});

/** A store whose partials fail at one operation once `fails` is set. */
function failing(store: BlobStore, operation: keyof PartialBlob, state: { fails: boolean }) {
  return {
    open: (...wanted: Parameters<BlobStore['open']>) => store.open(...wanted),
    async openPartial(...wanted: Parameters<BlobStore['openPartial']>) {
      const partial = await store.openPartial(...wanted);
      if (partial === undefined) return undefined;
      return new Proxy(partial, {
        get(target, name) {
          if (name === operation && state.fails)
            return async () => Promise.reject(new Error('the disk is full'));
          return Reflect.get(target, name);
        },
      });
    },
  };
}

t.test(
  'a disk that fails before the first byte means a stream, later an end that may be resumed',
  async (t) => {
    const base = await openFillScene(t);
    for (const operation of ['write', 'complete'] as const) {
      const state = { fails: true };
      const scene = await openFillScene(t, { store: failing(base.store, operation, state) });
      if (operation === 'write') t.equal(await scene.join(content, scene.source(content)), undefined);
      state.fails = false;
      const gate = { end: 2 * PIECE_BYTES };
      const source = scene.source(content, { gate });
      const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
      await until(() => reading.bytes().length === 2 * PIECE_BYTES, 'two pieces are read');
      state.fails = true;
      gate.end = content.bytes.length;
      const end = await reading.ended;
      t.ok(end.kind === 'failed' && end.failure instanceof LocalFailure, operation);
      await nothingLeft(scene);
      t.equal(source.open.count, 0);
      const partial = await base.store.openPartial(content.digest, content.bytes.length, 'contoso');
      await partial?.discard();
    }
  },
);

t.test('a blob that could not be published was still delivered', async (t) => {
  const base = await openFillScene(t);
  const scene = await openFillScene(t, { store: failing(base.store, 'publish', { fails: true }) });
  const reading = read(scene.pool, await mustOpen(scene.join(content, scene.source(content))));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
  t.strictSame(await outcomes(scene), { spool_failed: 1 });
});

t.test('a spool that somebody removes is not published, and its readers do not notice', async (t) => {
  const scene = await openFillScene(t);
  const gate = { end: 6 * PIECE_BYTES };
  const source = scene.source(content, { gate });
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  await until(() => reading.bytes().length === gate.end, 'pieces come in');
  await rm(`${scene.directory}/v1/partial`, { recursive: true });
  gate.end = content.bytes.length;
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  await nothingLeft(scene);
  t.strictSame(await outcomes(scene), { spool_failed: 1 });
  t.equal(await scene.store.open(content.digest), undefined);
});

t.test('a reader that gives up before the first byte leaves nothing behind', async (t) => {
  const scene = await openFillScene(t);
  const abort = new AbortController();
  const source = scene.source(content, { gate: { end: 0 } });
  const joined = scene.join(content, source, { signal: abort.signal });
  await until(() => source.open.count === 1, 'the source is asked');
  abort.abort(new Error('gone'));
  t.match(await t.rejects(joined), { message: 'gone' });
  await until(() => scene.timers.size === 1, 'it lingers');
  await t.rejects(scene.join(content, source, { signal: abort.signal }), { message: 'gone' });
  await scene.fills.close();
  await nothingLeft(scene);
  await until(() => source.open.count === 0, 'the request ends');
});

t.test('closing ends every fill and its readers; then there are streams only', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content, { gate: { end: PIECE_BYTES } });
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  await scene.fills.close();
  t.equal((await reading.ended).kind, 'failed');
  await nothingLeft(scene);
  t.equal(await scene.join(content, source), undefined);
});

t.test('while nobody reads, a fill waits for the next reader and then ends', async (t) => {
  const scene = await openFillScene(t);
  const gate = { end: PIECE_BYTES };
  const source = scene.source(content, { gate });
  const first = read(scene.pool, await mustOpen(scene.join(content, source)));
  await until(() => first.bytes().length === PIECE_BYTES, 'a piece is read');
  first.blob.cancel();
  await until(() => scene.timers.size === 1, 'it lingers');
  const second = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.equal(scene.timers.size, 0, 'it is needed again');
  gate.end = content.bytes.length;
  t.strictSame(await second.ended, { kind: 'end', matches: true });
  t.equal(source.sent.bytes, content.bytes.length, 'nothing came twice');
  await nothingLeft(scene);
});

t.test('a fill that is ahead of a slow reader waits for the reader, not for its source', async (t) => {
  const work = createRunningWork(() => 0);
  const scene = await openFillScene(t, { work });
  const large = randomContent(40 * PIECE_BYTES);
  const gate = { end: PIECE_BYTES };
  const source = scene.source(large, { gate });
  const waitsFor = () => work.list().map((one) => one.waitsFor);
  const slow = read(scene.pool, await mustOpen(scene.join(large, source)), 1000);
  t.strictSame(waitsFor(), ['upstream'], 'its next pieces are still to come');
  gate.end = large.bytes.length;
  await until(() => waitsFor()[0] === 'readers', 'all that is fetched ahead is there');
  t.ok(source.sent.bytes < large.bytes.length, 'which is not the whole');
  slow.blob.resume();
  slow.blob.cancel();
  const quick = read(scene.pool, await mustOpen(scene.join(large, source)));
  t.strictSame(await quick.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
});

t.test('whoever waits for the end of a fill may leave, and streams where it takes too long', async (t) => {
  const base = await openFillScene(t);
  const closing = Promise.withResolvers<void>();
  const store: Pick<BlobStore, 'open' | 'openPartial'> = {
    open: (digest) => base.store.open(digest),
    async openPartial(...wanted) {
      const partial = await base.store.openPartial(...wanted);
      if (partial === undefined) return undefined;
      return { ...partial, path: partial.path, close: () => closing.promise.then(() => partial.close()) };
    },
  };
  let now = 0;
  const work = createRunningWork(
    () => now,
    () => now,
  );
  const scene = await openFillScene(t, { store, work, endingMs: 5 });
  const leaver = new AbortController();
  const first = scene.join(content, scene.source(content, { gate: { end: 0 } }), { signal: leaver.signal });
  await until(() => scene.fills.size === 1, 'it begins');
  leaver.abort(new Error('gone'));
  await t.rejects(first, { message: 'gone' });
  await until(() => scene.timers.size === 1, 'it lingers');
  now = 600_000;
  scene.fireTimers();
  await until(() => work.list()[0]?.waitsFor === 'disk', 'it ends');
  t.equal(work.list()[0]?.idleMs, 0, 'it has not stood still before');
  const impatient = new AbortController();
  const second = scene.join(content, scene.source(content), { signal: impatient.signal });
  impatient.abort(new Error('gone, too'));
  await t.rejects(second, { message: 'gone, too' });
  t.equal(await scene.join(content, scene.source(content)), undefined, 'a stream');
  closing.resolve();
  await nothingLeft(scene);
  const last = read(scene.pool, await mustOpen(scene.join(content, scene.source(content))));
  t.strictSame(await last.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
});
