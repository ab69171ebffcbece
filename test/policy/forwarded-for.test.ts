import * as fc from 'fast-check';
import t from 'tap';
import { parseForwardedFor } from '../../src/policy/forwarded-for.ts';

t.test('nodes, nearest hop first', (t) => {
  const rows: [string, (string | undefined)[]][] = [
    ['', []],
    ['for=192.0.2.43', ['192.0.2.43']],
    ['For="[2001:db8:cafe::17]:4711"', ['[2001:db8:cafe::17]:4711']],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', ['192.0.2.60']],
    ['for=192.0.2.43, for=198.51.100.17', ['198.51.100.17', '192.0.2.43']],
    ['for=a,for=b ; proto=https , by=c', [undefined, 'b', 'a']],
    ['for=unknown, for=_hidden', ['_hidden', 'unknown']],
    ['for="a,b", for=c', ['c', 'a,b']],
    ['for=', ['']],
    ['for=a;for=b', [undefined]],
    ['for="a\\"b"', [undefined]],
    ['for=a b', [undefined]],
    ['nonsense, for=c', ['c', undefined]],
    [',', [undefined]],
  ];
  for (const [value, expected] of rows) t.same(parseForwardedFor(value, 32), expected, value);
  t.end();
});

t.test('what a client sends ahead does not hide what the proxy adds', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('for=192.0.2.1', 'for="[2001:db8::1]";proto=https'),
      (sent, added) => {
        const [nearest] = parseForwardedFor(`${sent}, ${added}`, 32);
        return nearest === (added.includes('[') ? '[2001:db8::1]' : '192.0.2.1');
      },
    ),
  );
  t.end();
});

t.test('no more hops than asked for', (t) => {
  t.equal(parseForwardedFor('for=a,'.repeat(10_000), 32).length, 32);
  t.end();
});
