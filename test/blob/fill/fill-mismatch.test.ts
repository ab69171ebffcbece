import t from 'tap';
import { type Content, randomContent } from '../../support/contract/blob-store.ts';
import type { MemorySource } from '../../support/memory-source.ts';
import {
  type FillScene,
  mustOpen,
  nothingLeft,
  openFillScene,
  outcomes,
  PIECE_BYTES,
  read,
} from './fill-scene.ts';

const content = randomContent(10 * PIECE_BYTES);
const RANGE = { kind: 'int' as const, firstPos: 5, lastPos: 8 };

/** Bytes of the right length, one of them wrong. */
function liar(scene: FillScene, { bytes, digest }: Content): MemorySource {
  const wrong = Buffer.from(bytes);
  wrong.writeUInt8(wrong.readUInt8(20_000) ^ 1, 20_000);
  return scene.source({ bytes: wrong, digest }, { origin: 'https://liar.test' });
}

t.test('nobody is told that a wrong blob is right, and nothing of it stays', async (t) => {
  const scene = await openFillScene(t);
  const source = liar(scene, content);
  const readings = await Promise.all(
    [1, 2, 3].map(async () => read(scene.pool, await mustOpen(scene.join(content, source)))),
  );
  for (const { ended } of readings) t.strictSame(await ended, { kind: 'end', matches: false });
  await nothingLeft(scene);
  t.strictSame(await outcomes(scene), { mismatch: 1 });
  t.equal(await scene.store.open(content.digest), undefined);
  t.equal(scene.store.usage.partials, 0);
  t.match(await scene.metrics.text(), /berth_blob_digest_mismatches_total\{stage="fill"\} 1/);
});

t.test('a slow reader of it is told as soon as it is known', async (t) => {
  const scene = await openFillScene(t);
  const source = liar(scene, content);
  const slow = read(scene.pool, await mustOpen(scene.join(content, source)), 1);
  const quick = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.strictSame(await quick.ended, { kind: 'end', matches: false });
  t.strictSame(await slow.ended, { kind: 'end', matches: false });
  t.ok(slow.bytes().length < content.bytes.length);
  await nothingLeft(scene);
});

t.test('a range of it that is being read fails', async (t) => {
  const scene = await openFillScene(t);
  const source = liar(scene, content);
  const range = { kind: 'int' as const, firstPos: 0, lastPos: 30_000 };
  const slow = read(scene.pool, await mustOpen(scene.join(content, source, { range })), 1);
  const whole = read(scene.pool, await mustOpen(scene.join(content, source)));
  t.strictSame(await whole.ended, { kind: 'end', matches: false });
  t.match(await slow.ended, { kind: 'failed', failure: { kind: 'digest_mismatch' } });
  await nothingLeft(scene);
});

t.test('ranges wait until somebody else has the right bytes; the liar is asked last', async (t) => {
  const scene = await openFillScene(t);
  const lying = liar(scene, content);
  await read(scene.pool, await mustOpen(scene.join(content, lying))).ended;
  await nothingLeft(scene);

  const refusal = await t.rejects(scene.join(content, lying, { range: RANGE }));
  t.match(refusal, { kind: 'destination_unavailable', status: 503, retryAfterSeconds: 60 });
  const honest = scene.source(content, { origin: 'https://honest.test' });
  t.match(await t.rejects(scene.join(content, honest, { range: RANGE })), { status: 503 });

  const before = lying.requests.length;
  const [first, second] = await Promise.all([
    mustOpen(scene.join(content, lying)),
    mustOpen(scene.join(content, honest)),
  ]);
  for (const blob of [first, second]) {
    const reading = read(scene.pool, blob);
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  t.equal(lying.requests.length, before, 'not asked again');
  await nothingLeft(scene);
  const range = read(scene.pool, await mustOpen(scene.join(content, lying, { range: RANGE })));
  await range.ended;
  t.ok(range.bytes().equals(content.bytes.subarray(5, 9)));
  await nothingLeft(scene);
});

t.test('a quarantine ends by itself', async (t) => {
  let now = 0;
  const scene = await openFillScene(t, { now: () => now });
  const lying = liar(scene, content);
  await read(scene.pool, await mustOpen(scene.join(content, lying))).ended;
  await nothingLeft(scene);
  now = 10 * 60 * 1000;
  const healed = scene.source(content, { origin: 'https://liar.test' });
  const range = read(scene.pool, await mustOpen(scene.join(content, healed, { range: RANGE })));
  await range.ended;
  t.ok(range.bytes().equals(content.bytes.subarray(5, 9)));
  scene.fireTimers();
  await scene.fills.close();
  await nothingLeft(scene);
});
