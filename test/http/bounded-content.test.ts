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

await tap.test('content that comes byte by byte has a time, whole, and not from byte to byte', async (t) => {
  let sent = 0;
  const trickling = Readable.from(
    (async function* () {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        sent += 1;
        yield Buffer.alloc(1);
      }
    })(),
    { highWaterMark: 1 },
  );
  await t.rejects(readBounded(trickling, Number.MAX_SAFE_INTEGER, 20), {
    name: 'ContentTooSlow',
    code: 'content_too_slow',
    message: 'Content was not whole within the 20 ms allowed here',
  });
  t.equal(trickling.destroyed, true);
  t.ok(sent > 1, 'bytes came all the while');
});

await tap.test('content that was whole in time is not cut afterwards', async (t) => {
  const whole = body();
  t.equal((await readBounded(whole, 3, 1)).toString(), 'abc');
  await new Promise((resolve) => setTimeout(resolve, 2));
  t.equal(whole.errored, null);
});
