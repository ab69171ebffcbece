import { Readable } from 'node:stream';
import tap from 'tap';
import { ContentTooLarge, readBounded } from '../../src/http/bounded-content.ts';

const body = () => Readable.from([Buffer.from('ab'), new Uint8Array([0x63]), Buffer.alloc(0)]);

await tap.test('content up to the limit', async (t) => {
  t.equal((await readBounded(body(), 3)).toString(), 'abc');
  t.equal((await readBounded(body(), 1000)).toString(), 'abc');
  t.equal((await readBounded(Readable.from([]), 0)).length, 0);
});

await tap.test('one byte more ends it and destroys the stream', async (t) => {
  let sent = 0;
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        sent += 1;
        yield Buffer.alloc(1000);
      }
    })(),
    { highWaterMark: 1 },
  );
  await t.rejects(readBounded(endless, 2999), {
    name: 'ContentTooLarge',
    code: 'content_too_large',
    maxBytes: 2999,
    message: 'Content is longer than the 2999 bytes allowed here',
  });
  t.equal(endless.destroyed, true);
  t.ok(sent <= 5, 'the rest is not read');
  t.ok(new ContentTooLarge(1) instanceof Error);
});

await tap.test('a failing body fails the reader', async (t) => {
  const failing = Readable.from(
    (async function* () {
      yield Buffer.from('a');
      throw new Error('cut');
    })(),
  );
  await t.rejects(readBounded(failing, 10), { message: 'cut' });
});
