import t from 'tap';
import { MAX_BCRYPT_COST, parseHtpasswd } from '../../src/policy/htpasswd.ts';

const hash = (cost: number, version = 'y') =>
  `$2${version}$${String(cost).padStart(2, '0')}$${'a'.repeat(53)}`;

t.test('bcrypt entries', (t) => {
  const text = `# users\r\n\r\nalice:${hash(10)}\r\nbob:${hash(5, 'a')}\ncarol:${hash(12, 'b')}`;
  const parsed = parseHtpasswd(text);
  t.same(parsed, {
    kind: 'ok',
    htpasswd: {
      hashes: new Map([
        ['alice', hash(10)],
        ['bob', hash(5, 'a')],
        ['carol', hash(12, 'b')],
      ]),
      cost: 12,
    },
  });
  t.match(parseHtpasswd(''), { kind: 'ok' }, 'nobody');
  t.end();
});

t.test('everything else is refused with its line, and shows no entry', (t) => {
  const rows: [string, number, RegExp][] = [
    ['alice', 1, /user:hash/],
    [`:${hash(10)}`, 1, /user:hash/],
    ['#\nalice:$apr1$abcdefgh$abcdefghijklmnopqrstuv', 2, /not bcrypt.*htpasswd -B/],
    ['alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', 1, /not bcrypt/],
    ['alice:plain', 1, /not bcrypt/],
    [`alice:${hash(10)}x`, 1, /not bcrypt/],
    [`alice:${hash(10, 'x')}`, 1, /not bcrypt/],
    [`alice:${hash(3)}`, 1, /cost is 3/],
    [`alice:${hash(MAX_BCRYPT_COST + 1)}`, 1, /cost is 13, and must be 4 to 12/],
    [`alice:${hash(10)}\nalice:${hash(10)}`, 2, /earlier line/],
  ];
  for (const [text, line, message] of rows) {
    const parsed = parseHtpasswd(text);
    t.match(parsed, { kind: 'invalid', line, message });
    t.notMatch(JSON.stringify(parsed), /alice|plain|SHA|aaaa/);
  }
  t.end();
});
