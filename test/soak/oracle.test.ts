import t from 'tap';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { type Answered, checkParts, checkRange, checkWhole } from './oracle.ts';

const bytes = pseudoRandomBytes('oracle', 5000);
const blob = { digest: digestOf(bytes), mediaType: 'application/octet-stream', bytes };

function answer(body: Buffer, headers: Answered['headers'] = {}, isWhole = true): Answered {
  return { status: 200, headers, body, isWhole };
}

/** One bit of one byte is another. */
function flipped(at: number): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return wrong;
}

t.test('a whole blob', async (t) => {
  t.equal(checkWhole(blob, answer(bytes)), 5000);
  t.equal(checkWhole(blob, answer(bytes.subarray(0, 99), {}, false)), 99, 'cut: so much came');
  t.throws(
    () => checkWhole(blob, answer(bytes.subarray(0, 99))),
    { code: 'wrong_bytes' },
    'announced as whole',
  );
  t.throws(() => checkWhole(blob, answer(flipped(4999))), /from byte 4999 on/);
  t.throws(() => checkWhole(blob, answer(flipped(50).subarray(0, 99), {}, false)), /from byte 50 on/);
  t.throws(
    () => checkWhole(blob, answer(Buffer.concat([bytes, Buffer.from('x')]))),
    { code: 'wrong_bytes' },
    'too long',
  );
});

t.test('a range', async (t) => {
  const headers = { 'content-range': 'bytes 100-199/5000' };
  t.equal(checkRange(blob, [100, 199], answer(bytes.subarray(100, 200), headers)), 100);
  t.equal(checkRange(blob, [100, 199], answer(bytes.subarray(100, 150), headers, false)), 50);
  const toEnd = { 'content-range': 'bytes 4900-4999/5000' };
  t.equal(checkRange(blob, [4900, 9999], answer(bytes.subarray(4900), toEnd)), 100);
  t.throws(() => checkRange(blob, [100, 199], answer(bytes.subarray(100, 150), headers)), {
    code: 'wrong_bytes',
  });
  t.throws(() => checkRange(blob, [101, 200], answer(bytes.subarray(100, 200), headers)), /Content-Range/);
  t.throws(() => checkRange(blob, [100, 199], answer(flipped(120).subarray(100, 200), headers)), /byte 120/);
});

t.test('several ranges', async (t) => {
  const multipart = (parts: readonly (readonly [first: number, last: number, body: Buffer])[]): Answered => {
    const text = parts.flatMap(([first, last, body]) => [
      Buffer.from(`--x\r\nContent-Range: bytes ${first}-${last}/5000\r\n\r\n`),
      body,
      Buffer.from('\r\n'),
    ]);
    const headers = { 'content-type': 'multipart/byteranges; boundary=x' };
    return answer(Buffer.concat([...text, Buffer.from('--x--\r\n')]), headers);
  };
  const wanted = [
    [0, 9],
    [90, 99],
  ] as const;
  const good = [
    [0, 9, bytes.subarray(0, 10)],
    [90, 99, bytes.subarray(90, 100)],
  ] as const;
  checkParts(blob, wanted, multipart(good));
  checkParts(blob, wanted, multipart([[0, 99, bytes.subarray(0, 100)]]));
  t.throws(() => checkParts(blob, wanted, multipart([good[0]])), /90-99/);
  t.throws(() => checkParts(blob, wanted, multipart([good[0], [90, 98, good[1][2]]])), /10 bytes/);
  t.throws(() => checkParts(blob, wanted, multipart([good[0], [90, 99, bytes.subarray(0, 10)]])), /byte 90/);
  t.throws(() => checkParts(blob, wanted, { ...multipart(good), body: Buffer.from('nothing') }), {
    code: 'wrong_bytes',
  });
});
