import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { createReplyReader, type Reply } from '../../../src/state/redis/reply-reader.ts';
import { holds } from '../../support/property.ts';

const MAX_BYTES = 64 * 1024;

function read(chunks: readonly Buffer[], maxBytes = MAX_BYTES): Reply[] {
  const replies: Reply[] = [];
  const reader = createReplyReader({ maxBytes, onReply: (reply) => replies.push(reply) });
  for (const chunk of chunks) reader.push(chunk);
  return replies;
}

/** As Redis would write it. */
function format(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (reply instanceof Error) return `-${reply.message}\r\n`;
  return `*${reply.length}\r\n${reply.map(format).join('')}`;
}

const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.integer(),
  fc.constant(null),
  fc.constantFrom('OOM no memory', 'NOSCRIPT').map((message) => new Error(message)),
);
const list = (of: fc.Arbitrary<Reply>): fc.Arbitrary<Reply> => fc.array(of, { maxLength: 5 });
const reply: fc.Arbitrary<Reply> = fc.oneof(scalar, list(fc.oneof(scalar, list(scalar))));

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

t.test('what Redis writes is read, wherever it is cut', (t) => {
  holds(
    t,
    'any answers, any cuts',
    fc.property(
      fc.array(reply, { maxLength: 5 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 }),
      (replies, sizes) => {
        assert.deepEqual(read(cut(Buffer.from(replies.map(format).join('')), sizes)), replies);
      },
    ),
  );
  t.strictSame(read([Buffer.from('+OK\r\n*-1\r\n*0\r\n')]), ['OK', null, []]);
  t.end();
});

t.test('whatever comes, it is read or refused, and never holds more than an answer may have', (t) => {
  const piece = fc.oneof(
    fc.constantFrom('*', '$', ':', '-', '+', '\r\n', '\n', '-1', '33000000', '7', '%', '\0'),
    fc.string({ maxLength: 4 }),
  );
  holds(
    t,
    'any bytes',
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      try {
        read([Buffer.from(pieces.join(''))]);
      } catch (error) {
        assert.match(String(error), /RESP2|more than/);
      }
    }),
  );
  t.end();
});

t.test('the limit is of one answer, and to the byte', (t) => {
  const most = '*2\r\n$5\r\nhello\r\n:1\r\n';
  t.strictSame(read([Buffer.from(most.repeat(100))], most.length).length, 100);
  t.throws(() => read([Buffer.from(most)], most.length - 1), /more than 18 bytes/);
  t.end();
});

for (const [what, text, expected] of [
  ['a list of more than there can be', '*33000000\r\n', /more than 131072 items/],
  ['a text of more than there can be', '$536870912\r\n', /more than/],
  ['a list that goes on', `*60000\r\n${':1\r\n'.repeat(60_000)}`, /more than 65536 bytes/],
  ['many lists that begin', '*50000\r\n'.repeat(3), /more than 131072 items/],
  ['a line without end', '+'.repeat(5_000), /RESP2/],
  ['lists within lists', '*1\r\n'.repeat(5), /RESP2/],
  ['a negative length', '$-2\r\n', /RESP2/],
  ['a length that is none', '*1e9\r\n', /RESP2/],
  ['a number without end', `:${'9'.repeat(20)}\r\n`, /RESP2/],
  ['a text that is longer than it says', '$2\r\nabc\r\n', /RESP2/],
  ['a line that ends by LF alone', '+OK\n', /RESP2/],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', /RESP2/],
] as const) {
  t.test(`refused: ${what}`, (t) => {
    t.throws(() => read([Buffer.from(text)]), expected);
    t.end();
  });
}
