import { inspect } from 'node:util';
import * as fc from 'fast-check';
import t from 'tap';
import {
  addNextTicketKey,
  formatTicketKeys,
  generateTicketKeys,
  MAX_TICKET_KEYS,
  parseTicketKeys,
  promoteNextTicketKey,
  rotateTicketKeys,
  type TicketKeys,
} from '../../src/ticket/ticket-keys.ts';

const SECRET = Buffer.alloc(32, 0x5a).toString('base64');
const OTHER = Buffer.alloc(32, 0xa5).toString('base64');

function idsOf(keys: TicketKeys) {
  return { seal: keys.seal.id, next: keys.next?.id, open: [...keys.open.keys()] };
}

t.test('the first line seals, all open, one is marked next', (t) => {
  const text = `# made by hand\r\n\r\n  old-1\t${SECRET}  \r\n\n#x\nnew_2 ${OTHER} next`;
  const keys = parseTicketKeys(text);
  t.same(idsOf(keys), { seal: 'old-1', next: 'new_2', open: ['old-1', 'new_2'] });
  t.same(keys.seal.secret.export(), Buffer.alloc(32, 0x5a));
  t.equal(keys.open.get('old-1'), keys.seal);
  t.equal(keys.open.get('new_2'), keys.next);
  t.same(idsOf(parseTicketKeys(`only ${SECRET}`)), { seal: 'only', next: undefined, open: ['only'] });
  t.end();
});

t.test('text and keys are the same thing', (t) => {
  const steps = fc.array(fc.constantFrom('add', 'rotate', 'drop'), { maxLength: 25 });
  fc.assert(
    fc.property(steps, (names) => {
      let keys = generateTicketKeys();
      for (const name of names) {
        if (name === 'add') keys = addNextTicketKey(keys);
        else keys = rotateTicketKeys(keys, { keep: name === 'drop' ? 0 : 3 });
      }
      const again = parseTicketKeys(formatTicketKeys(keys));
      return (
        inspect(idsOf(again)) === inspect(idsOf(keys)) &&
        formatTicketKeys(again) === formatTicketKeys(keys) &&
        keys.open.size <= MAX_TICKET_KEYS
      );
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('what is wrong is told with its line, and never with the key', (t) => {
  const short = Buffer.alloc(31, 0x5a).toString('base64');
  const rows: [string, RegExp, number | undefined][] = [
    ['', /no key.*"berth ticket-key generate"/, undefined],
    ['# nothing\n\n', /no key/, undefined],
    [`a ${short}`, /base64 form of exactly 32 bytes/, 1],
    [`a ${SECRET.slice(0, -1)}`, /base64 form/, 1],
    [`a ${SECRET}${SECRET}`, /base64 form/, 1],
    ['a', /base64 form/, 1],
    [`#\n${SECRET}`, /key id/, 2],
    [`a/b ${SECRET}`, /key id/, 1],
    [`${'a'.repeat(17)} ${SECRET}`, /key id/, 1],
    [`a ${SECRET} last`, /only the word "next"/, 1],
    [`a ${SECRET}\nb ${OTHER} next ${SECRET}`, /only the word "next"/, 2],
    [`a ${SECRET} next`, /can not be marked "next"/, 1],
    [`a ${SECRET}\na ${OTHER}`, /key id stands on an earlier line/, 2],
    [`a ${SECRET}\nb ${SECRET}`, /same key/, 2],
  ];
  for (const [text, message, line] of rows) {
    t.throws(() => parseTicketKeys(text), { code: 'invalid_ticket_keys', message, line }, message.source);
    t.throws(() => parseTicketKeys(text), { message: /^((?!WlpaWlpa|paWlpaW).)*$/ }, 'no key in the message');
  }
  const [first = '', ...others] = Array.from(
    { length: MAX_TICKET_KEYS + 1 },
    (_, index) => `k${index} ${Buffer.alloc(32, index).toString('base64')}`,
  );
  t.throws(() => parseTicketKeys([first, ...others].join('\n')), {
    line: MAX_TICKET_KEYS + 1,
    message: /more than 16/,
  });
  t.equal(parseTicketKeys([first, ...others.slice(1)].join('\n')).open.size, MAX_TICKET_KEYS);
  const two = `a ${SECRET}\nb ${OTHER} next\nc ${Buffer.alloc(32).toString('base64')} next`;
  t.throws(() => parseTicketKeys(two), { line: 3, message: /second key/ });
  t.end();
});

t.test('no text whatever gives another error', (t) => {
  const lines = fc.array(
    fc.oneof(
      fc.string(),
      fc.constant(`a ${SECRET}`),
      fc.string().map((id) => `${id} ${OTHER} next`),
    ),
  );
  fc.assert(
    fc.property(lines, (all) => {
      try {
        return parseTicketKeys(all.join('\n')).open.size > 0;
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'invalid_ticket_keys';
      }
    }),
  );
  t.end();
});

t.test('fresh keys: one seals, its successor is published ahead', (t) => {
  const keys = generateTicketKeys();
  t.match(keys.seal.id, /^[0-9a-f]{8}$/);
  t.same(idsOf(keys).open, [keys.seal.id, keys.next?.id]);
  t.notOk(keys.seal.secret.equals(generateTicketKeys().seal.secret));
  t.end();
});

t.test('a key opens everywhere one rotation before it seals, and after', (t) => {
  let before = generateTicketKeys();
  for (let count = 0; count < 6; count += 1) {
    const after = rotateTicketKeys(before);
    t.equal(after.seal, before.next, 'the published key seals');
    t.ok(before.open.has(after.seal.id), 'a replica with the old file opens new tickets');
    t.ok(after.open.has(before.seal.id), 'a replica with the new file opens old tickets');
    t.notOk(before.open.has(after.next?.id ?? ''), 'the next one is fresh');
    t.equal(after.open.size, Math.min(3 + count, 4));
    before = after;
  }
  t.end();
});

t.test('the two halves by themselves', (t) => {
  const one = parseTicketKeys(`one ${SECRET}`);
  t.throws(() => promoteNextTicketKey(one), {
    code: 'invalid_ticket_keys',
    message: /no key is marked "next"/,
  });
  const added = addNextTicketKey(one);
  t.equal(added.seal.id, 'one');
  const promoted = promoteNextTicketKey(added);
  t.same(idsOf(promoted), { seal: added.next?.id, next: undefined, open: [added.next?.id, 'one'] });
  t.same(idsOf(rotateTicketKeys(one)).seal, 'one', 'a file without next only gets one');
  t.end();
});

t.test('how many retired keys stay', (t) => {
  let keys = generateTicketKeys();
  for (let count = 0; count < 20; count += 1) keys = rotateTicketKeys(keys, { keep: 14 });
  t.equal(keys.open.size, MAX_TICKET_KEYS);
  t.equal(rotateTicketKeys(keys, { keep: 0 }).open.size, 2);
  t.equal(rotateTicketKeys(keys, { keep: 1 }).open.size, 3);
  t.ok(rotateTicketKeys(keys, { keep: 1 }).open.has(keys.seal.id), 'the youngest stays');
  for (const keep of [-1, 1.5, 15, Number.NaN]) {
    t.throws(() => rotateTicketKeys(keys, { keep }), { message: /0 to 14/ });
  }
  t.end();
});

t.test('keys do not show when they are logged', (t) => {
  const keys = parseTicketKeys(`a ${SECRET}`);
  const shown =
    JSON.stringify(keys) + JSON.stringify([...keys.open]) + inspect(keys, { depth: 10, showHidden: true });
  t.notMatch(shown, /Wlpa|5a5a|5a 5a|90, 90/i);
  t.end();
});
