import t from 'tap';
import { randomContent } from '../../support/contract/blob-store.ts';
import { mustOpen, nothingLeft, openFillScene, outcomes, PIECE_BYTES, read, until } from './fill-scene.ts';

const content = randomContent(40 * PIECE_BYTES + 99);

t.test('a range costs the pieces it lies in, and the rest is kept for later', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  const range = { kind: 'int' as const, firstPos: 10_000, lastPos: 12_345 };
  const blob = await mustOpen(scene.join(content, source, { range }));
  t.strictSame(blob.range, { firstPos: 10_000, lastPos: 12_345 });
  t.equal(blob.completeLength, content.bytes.length);
  const reading = read(scene.pool, blob);
  t.strictSame(await reading.ended, { kind: 'end', matches: undefined });
  t.ok(reading.bytes().equals(content.bytes.subarray(10_000, 12_346)));
  await until(() => scene.timers.size === 1, 'it lingers');
  scene.fireTimers();
  await nothingLeft(scene);
  t.equal(source.sent.bytes, 2 * PIECE_BYTES);

  const again = scene.source(content);
  const later = read(scene.pool, await mustOpen(scene.join(content, again)));
  t.strictSame(await later.ended, { kind: 'end', matches: true });
  t.ok(later.bytes().equals(content.bytes));
  t.equal(again.sent.bytes, content.bytes.length - 2 * PIECE_BYTES, 'two pieces were there');
  await nothingLeft(scene);
});

t.test('suffixes and open ends; a range after the end', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  const suffix = read(
    scene.pool,
    await mustOpen(scene.join(content, source, { range: { kind: 'suffix', suffixLength: 100 } })),
  );
  await suffix.ended;
  t.ok(suffix.bytes().equals(content.bytes.subarray(-100)));
  const beyond = { kind: 'int' as const, firstPos: content.bytes.length, lastPos: undefined };
  t.strictSame(await scene.join(content, source, { range: beyond }), {
    kind: 'unsatisfiable',
    completeLength: content.bytes.length,
  });
  await until(() => scene.timers.size === 1, 'it lingers');
  scene.fireTimers();
  await nothingLeft(scene);
});

t.test('an open end that is hung up costs two pieces beyond what was read', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  const range = { kind: 'int' as const, firstPos: 0, lastPos: undefined };
  const reading = read(scene.pool, await mustOpen(scene.join(content, source, { range })), 3 * PIECE_BYTES);
  await until(() => reading.bytes().length >= 3 * PIECE_BYTES, 'it has read');
  const taken = reading.bytes().length;
  reading.blob.cancel();
  await until(() => scene.timers.size === 1, 'it lingers');
  scene.fireTimers();
  await nothingLeft(scene);
  t.ok(source.sent.bytes <= taken + 2 * PIECE_BYTES, `${source.sent.bytes} for ${taken}`);
});

t.test('consecutive open ends, each hung up early, cost the blob once', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  let position = 0;
  while (position < content.bytes.length) {
    const range = { kind: 'int' as const, firstPos: position, lastPos: undefined };
    const reading = read(scene.pool, await mustOpen(scene.join(content, source, { range })), 2 * PIECE_BYTES);
    const wanted = Math.min(2 * PIECE_BYTES, content.bytes.length - position);
    await until(() => reading.bytes().length >= wanted, 'it has read');
    const bytes = reading.bytes();
    t.ok(bytes.equals(content.bytes.subarray(position, position + bytes.length)));
    position += bytes.length;
    reading.blob.cancel();
  }
  await nothingLeft(scene);
  t.equal(source.sent.bytes, content.bytes.length);
  t.strictSame(await outcomes(scene), { published: 1 });
});

t.test(
  'a source that ignores Range answers a range when it begins, however far ahead that lies',
  async (t) => {
    const scene = await openFillScene(t);
    const gate = { end: 2 * PIECE_BYTES };
    const source = scene.source(content, { ignoresRange: true, gate });
    const far = { kind: 'int' as const, firstPos: 30 * PIECE_BYTES + 5, lastPos: 31 * PIECE_BYTES };
    const first = await mustOpen(scene.join(content, source, { range: far }));
    const later = await mustOpen(
      scene.join(content, source, { range: { kind: 'suffix', suffixLength: 10 } }),
    );
    t.equal(source.requests.length, 1);
    const readings = [read(scene.pool, first), read(scene.pool, later)] as const;
    await until(() => source.sent.bytes === gate.end, 'it has sent what it has');
    const near = scene.join(content, source, {
      range: { kind: 'int', firstPos: 2 * PIECE_BYTES, lastPos: 9000 },
    });
    let hasNear = false;
    void near.finally(() => {
      hasNear = true;
    });
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    t.notOk(hasNear, 'what comes next can still be told');
    t.equal(readings[0].bytes().length, 0);
    gate.end = content.bytes.length;
    for (const reading of readings) t.match(await reading.ended, { kind: 'end' });
    t.ok(readings[0].bytes().equals(content.bytes.subarray(far.firstPos, far.lastPos + 1)));
    t.ok(readings[1].bytes().equals(content.bytes.subarray(-10)));
    const reading = read(scene.pool, await mustOpen(near));
    await reading.ended;
    t.ok(reading.bytes().equals(content.bytes.subarray(2 * PIECE_BYTES, 9001)));
    await nothingLeft(scene);
    t.equal(source.sent.bytes, content.bytes.length, 'one transfer');
  },
);

t.test('the length is learnt where nobody told it', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  const reading = read(scene.pool, await mustOpen(scene.join(content, source, { length: undefined })));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.match(source.requests[0], { index: 0, firstPos: 0, lastPos: 0 });
  await nothingLeft(scene);
});

t.test('a reader whose ticket states another length has a stream of its own', async (t) => {
  const scene = await openFillScene(t);
  const source = scene.source(content);
  const reading = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.equal(await scene.join(content, source, { length: 5 }), undefined);
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  await nothingLeft(scene);
});

t.test('an empty blob is verified and published, too', async (t) => {
  const scene = await openFillScene(t);
  const empty = randomContent(0);
  const source = scene.source(empty);
  const reading = read(scene.pool, await mustOpen(scene.join(empty, source)));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.equal(source.requests.length, 0);
  await nothingLeft(scene);
});
