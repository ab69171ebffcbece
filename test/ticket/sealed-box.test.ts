import * as fc from 'fast-check';
import t from 'tap';
import { openBox, sealBox } from '../../src/ticket/sealed-box.ts';
import { generateTicketKeys, parseTicketKeys } from '../../src/ticket/ticket-keys.ts';

const keys = generateTicketKeys();
/** Length of the key's id, nonce, tag. */
const OVERHEAD_BYTES = 1 + 12 + 16;

t.test('round trip, in the alphabet of a path segment, at the promised length', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      const content = Buffer.from(bytes);
      const text = sealBox(keys, 'ticket/1', content);
      const boxBytes = OVERHEAD_BYTES + keys.seal.id.length + content.length;
      const opened = openBox(keys, 'ticket/1', text);
      return (
        /^[A-Za-z0-9_-]+$/.test(text) &&
        text.length === Math.ceil((boxBytes * 4) / 3) &&
        opened.kind === 'ok' &&
        opened.content.equals(content)
      );
    }),
  );
  t.end();
});

t.test('one purpose does not open as another', (t) => {
  const text = sealBox(keys, 'upload/1', Buffer.from('x'));
  t.same(openBox(keys, 'ticket/1', text), { kind: 'refused', reason: 'bad_signature' });
  t.end();
});

t.test(
  'the id in the clear can not be exchanged for that of another key, not even of the same bytes',
  (t) => {
    const secret = Buffer.alloc(32, 7).toString('base64');
    const [one, two] = [parseTicketKeys(`one ${secret}`), parseTicketKeys(`two ${secret}`)];
    const box = Buffer.from(sealBox(one, 'ticket/1', Buffer.from('x')), 'base64url');
    box.write('two', 1, 'latin1');
    t.same(openBox(two, 'ticket/1', box.toString('base64url')), { kind: 'refused', reason: 'bad_signature' });
    t.end();
  },
);

t.test('a nonce is not used twice', (t) => {
  const nonces = new Set<string>();
  for (let count = 0; count < 5000; count += 1) {
    const box = Buffer.from(sealBox(keys, 'ticket/1', Buffer.alloc(0)), 'base64url');
    const start = 1 + keys.seal.id.length;
    nonces.add(box.toString('hex', start, start + 12));
  }
  t.equal(nonces.size, 5000);
  t.end();
});

t.test('one spelling only', (t) => {
  const text = sealBox(keys, 'ticket/1', Buffer.alloc(1));
  t.equal(text.length % 4, 3, 'the last character has spare bits');
  for (const other of [
    `${text}=`,
    `${text} `,
    `\n${text}`,
    text.replaceAll(/[-_]/g, (c) => (c === '-' ? '+' : '/')),
    'é',
  ]) {
    const expected = other === text ? 'ok' : 'refused';
    t.equal(openBox(keys, 'ticket/1', other).kind, expected, JSON.stringify(other));
  }
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const opens = alphabet
    .split('')
    .filter((last) => openBox(keys, 'ticket/1', text.slice(0, -1) + last).kind === 'ok');
  t.same(opens, [text.at(-1)], 'spare bits must be zero');
  t.end();
});
