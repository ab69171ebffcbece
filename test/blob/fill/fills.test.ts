import t from 'tap';
import { randomContent } from '../../support/contract/blob-store.ts';
import { mustOpen, nothingLeft, openFillScene, PIECE_BYTES, read } from './fill-scene.ts';

const LENGTH = 10 * PIECE_BYTES + 1234;

t.test('one reader gets the whole, verified, and it is published', async (t) => {
  const scene = await openFillScene(t);
  const content = randomContent(LENGTH);
  const source = scene.source(content);
  const blob = await mustOpen(scene.join(content, source));
  t.equal(blob.length, LENGTH);
  t.equal(blob.range, undefined);
  const reading = read(scene.pool, blob);
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  await nothingLeft(scene);
  t.equal(source.sent.bytes, LENGTH);
  const stored = await scene.store.open(content.digest);
  t.equal(stored?.length, LENGTH);
  stored?.close();
});

t.test('fifty readers cost the source one transfer', async (t) => {
  const scene = await openFillScene(t);
  const content = randomContent(LENGTH);
  const source = scene.source(content);
  const readings = await Promise.all(
    Array.from({ length: 50 }, async () => read(scene.pool, await mustOpen(scene.join(content, source)))),
  );
  for (const reading of readings) {
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  t.equal(source.sent.bytes, LENGTH);
  await nothingLeft(scene);
});
