import t from 'tap';
import type { UpstreamFailure } from '../../../src/upstream/failure.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import { mustOpen, nothingLeft, openFillScene, PIECE_BYTES, read, until } from './fill-scene.ts';

const content = randomContent(24 * PIECE_BYTES + 7);

t.test('a cut is continued at the byte where it stopped', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content, {
    fault: ({ index }) => (index % 3 === 1 ? { cutAfter: 1500 } : undefined),
  });
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  t.equal(source.sent.bytes, content.bytes.length, 'no byte came twice');
  await nothingLeft(scene);
});

for (const status of [401, 403, 404, 429, 500, 503]) {
  t.test(`a source that answers ${status} is told before anything was sent`, async (t) => {
    const scene = await openFillScene(t);
    const source = scene.source(content, { fault: () => ({ status, headers: { 'retry-after': '7' } }) });
    const failure = await t.rejects(scene.join(content, source));
    t.match(failure, { kind: 'http_request_error', status, retryAfterSeconds: 7 });
    t.ok(source.requests.length <= 3);
    await nothingLeft(scene);
  });
}

t.test('a source that dies leads to another: the tickets of all readers are sources', async (t) => {
  const scene = await openFillScene(t);
  const dying = scene.source(content, { fault: ({ index }) => (index > 2 ? { status: 403 } : undefined) });
  const sound = scene.source(content, { origin: 'https://two.test' });
  const first = read(scene.pool, await mustOpen(scene.join(content, dying)));
  const second = read(scene.pool, await mustOpen(scene.join(content, sound)));
  for (const reading of [first, second]) {
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  t.equal(dying.sent.bytes + sound.sent.bytes, content.bytes.length);
  await nothingLeft(scene);
});

t.test('readers get what is there and end short where no source is left; the next one goes on', async (t) => {
  const scene = await openFillScene(t);
  const dying = scene.source(content, {
    fault: ({ firstPos }) => (firstPos > 30_000 ? { refuses: 'connection_refused' } : undefined),
  });
  const reading = read(scene.pool, await mustOpen(scene.join(content, dying)));
  const end = await reading.ended;
  t.equal(end.kind, 'failed');
  t.equal(end.kind === 'failed' && (end.failure as UpstreamFailure).kind, 'connection_refused');
  const got = reading.bytes();
  t.ok(got.length > 30_000 && got.equals(content.bytes.subarray(0, got.length)));
  await nothingLeft(scene);

  const sound = scene.source(content);
  const next = read(scene.pool, await mustOpen(scene.join(content, sound)));
  t.strictSame(await next.ended, { kind: 'end', matches: true });
  t.equal(dying.sent.bytes + sound.sent.bytes, content.bytes.length, 'what was there was used');
  await nothingLeft(scene);
});

t.test('a new ticket brings back a fill whose sources had gone while its reader was slow', async (t) => {
  const scene = await openFillScene(t);
  const dying = scene.source(content, { fault: ({ index }) => (index > 0 ? { status: 404 } : undefined) });
  const slow = read(scene.pool, await mustOpen(scene.join(content, dying)), 1);
  await until(() => dying.requests.length > 1 && dying.open.count === 0, 'the source has gone');
  const sound = scene.source(content);
  const next = read(scene.pool, await mustOpen(scene.join(content, sound)));
  t.strictSame(await next.ended, { kind: 'end', matches: true });
  slow.blob.resume();
  slow.blob.cancel();
  await nothingLeft(scene);
});

t.test('a source that ignores Range costs one transfer', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content, { ignoresRange: true });
  const range = { kind: 'int' as const, firstPos: 50_000, lastPos: 50_999 };
  const [whole, part] = await Promise.all([
    mustOpen(scene.join(content, source)),
    mustOpen(scene.join(content, source, { range })),
  ]);
  const readings = [read(scene.pool, whole), read(scene.pool, part)] as const;
  t.strictSame(await readings[0].ended, { kind: 'end', matches: true });
  await readings[1].ended;
  t.ok(readings[0].bytes().equals(content.bytes));
  t.ok(readings[1].bytes().equals(content.bytes.subarray(50_000, 51_000)));
  t.equal(source.sent.bytes, content.bytes.length);
  t.equal(source.requests.length, 1);
  await nothingLeft(scene);
});

t.test('a lie about the range or the length is no source', async (t) => {
  const scene = await openFillScene(t);
  for (const headers of [
    { 'content-range': `bytes 1-4096/${content.bytes.length}` },
    { 'content-range': 'bytes 0-4095/4097' },
    { 'content-encoding': 'gzip' },
  ]) {
    const source = scene.source(content, { fault: () => ({ headers }) });
    t.match(await t.rejects(scene.join(content, source)), { kind: 'http_protocol_error' });
    t.equal(source.requests.length, 3, 'a misrouted answer would not be the next, too');
    await nothingLeft(scene);
  }
});

t.test('requests run side by side where that is faster', async (t) => {
  let now = 0;
  const scene = await openFillScene(t, { now: () => now });
  // Each connection gives one chunk a turn, so the clock of turns says that more of them are faster.
  const timer = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(timer));
  let isOver = false;
  const tick = (): void => {
    now += 1;
    if (!isOver) setImmediate(tick);
  };
  tick();
  const large = randomContent(200 * PIECE_BYTES);
  const source = scene.source(large, { chunkBytes: 64 });
  const reading = read(scene.pool, await mustOpen(scene.join(large, source)));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  isOver = true;
  t.ok(reading.bytes().equals(large.bytes));
  t.ok(source.open.max > 2, `${source.open.max} at a time`);
  t.ok(source.open.max <= 8);
  t.equal(source.sent.bytes, large.bytes.length);
  await nothingLeft(scene);
});
