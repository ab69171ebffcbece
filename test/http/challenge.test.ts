import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { type Challenge, formatChallenge, isScheme, parseChallenges } from '../../src/http/challenge.ts';
import { holds, stringOf } from '../support/property.ts';

const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, params, token68 }) => [scheme, token68 ?? Object.fromEntries(params)]);

await tap.test('challenges as registries send them', (t) => {
  const rows: readonly (readonly [string, unknown])[] = [
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        [
          'Bearer',
          {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:a/b:pull,push',
          },
        ],
      ],
    ],
    [
      'Basic realm="a", Bearer realm="b", error=x',
      [
        ['Basic', { realm: 'a' }],
        ['Bearer', { realm: 'b', error: 'x' }],
      ],
    ],
    [
      'Bearer realm="b",Basic realm="a"',
      [
        ['Bearer', { realm: 'b' }],
        ['Basic', { realm: 'a' }],
      ],
    ],
    ['Negotiate', [['Negotiate', {}]]],
    [
      'Negotiate, Basic realm="a"',
      [
        ['Negotiate', {}],
        ['Basic', { realm: 'a' }],
      ],
    ],
    [
      'Negotiate YII=, Basic realm="a"',
      [
        ['Negotiate', 'YII='],
        ['Basic', { realm: 'a' }],
      ],
    ],
    ['NTLM  YII/+~._-==', [['NTLM', 'YII/+~._-==']]],
    ['bearer REALM = "a" ,\tService\t=b', [['bearer', { realm: 'a', service: 'b' }]]],
    ['Bearer realm="a",,  , service="b",', [['Bearer', { realm: 'a', service: 'b' }]]],
    [', ,Basic realm=a', [['Basic', { realm: 'a' }]]],
    [String.raw`Basic realm="say \"hi\", \\ ok"`, [['Basic', { realm: String.raw`say "hi", \ ok` }]]],
    ['Bearer realm=""', [['Bearer', { realm: '' }]]],
    ['Bearer ', [['Bearer', {}]]],
    ['Bearer realm=" , Basic realm=x "', [['Bearer', { realm: ' , Basic realm=x ' }]]],
  ];
  for (const [value, expected] of rows) t.strictSame(plain(parseChallenges(value)), expected, value);
  t.end();
});

await tap.test('reading ends where the grammar breaks', (t) => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['', []],
    ['=', []],
    ['"Bearer"', []],
    ['Bearer realm', [['Bearer', 'realm']]],
    ['Bearer realm="a', []],
    ['Bearer realm="a" service="b"', []],
    [
      'Bearer realm="a",service',
      [
        ['Bearer', { realm: 'a' }],
        ['service', {}],
      ],
    ],
    ['Bearer realm="a\nb"', []],
    ['Bearer realm="a",realm="b"', []],
    ['Bearer realm="a",REALM="b"', []],
    ['Bearer\trealm="a"', []],
    ['Basic realm="a", Bearer realm="b', [['Basic', { realm: 'a' }]]],
    ['Basic realm="a", Bearer realm=b c', [['Basic', { realm: 'a' }]]],
  ];
  for (const [value, expected] of rows)
    t.strictSame(plain(parseChallenges(value)), expected, JSON.stringify(value));
  t.end();
});

const params = (count: number) => Array.from({ length: count }, (_, i) => `p${i}=1`).join(',');

await tap.test('limits', (t) => {
  t.strictSame(parseChallenges(`Bearer realm="${'a'.repeat(8192)}"`), []);
  t.equal(parseChallenges('Negotiate,'.repeat(100)).length, 16);
  t.equal(parseChallenges(`X ${params(32)}`)[0]?.params.size, 32);
  t.strictSame(parseChallenges(`X ${params(33)}`), []);
  t.end();
});

await tap.test('schemes have no case', (t) => {
  const challenge = { scheme: 'BEARER', params: new Map() };
  t.ok(isScheme(challenge, 'Bearer'));
  t.notOk(isScheme(challenge, 'Basic'));
  t.end();
});

await tap.test('format refuses what a field can not carry', (t) => {
  for (const realm of ['a\r\nset-cookie: x', 'a\0', 'a\u0100', '\x7f']) {
    t.throws(() => formatChallenge({ scheme: 'Bearer', params: new Map([['realm', realm]]) }), {
      name: 'TypeError',
      message: 'Challenge parameter realm has a character that a header field can not carry',
    });
  }
  t.end();
});

await tap.test('properties', (t) => {
  const token = stringOf("abcXYZ019!#$%&'*+-.^_`|~", { minLength: 1, maxLength: 12 });
  const name = token.map((text) => text.toLowerCase());
  const value = stringOf('ab ,=\\"\t;\xe9\xff~', { maxLength: 20 });
  const pairsOf = fc.uniqueArray(fc.tuple(name, value), {
    minLength: 1,
    maxLength: 8,
    selector: ([key]) => key,
  });
  const token68 = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,20}={0,2}$/);
  const anyChallenge: fc.Arbitrary<Challenge> = fc.oneof(
    fc.tuple(token, pairsOf).map(([scheme, pairs]) => ({ scheme, params: new Map(pairs) })),
    fc.tuple(token, token68).map(([scheme, text]) => ({ scheme, params: new Map(), token68: text })),
    token.map((scheme) => ({ scheme, params: new Map() })),
  );
  holds(
    t,
    'parse is the inverse of format',
    fc.property(
      fc.array(anyChallenge, { maxLength: 6 }),
      fc.constantFrom(',', ', ', ' ,\t,'),
      (challenges, separator) => {
        const text = challenges.map(formatChallenge).join(separator);
        assert.deepEqual(parseChallenges(text), challenges);
      },
    ),
  );
  const anyText = fc.oneof(fc.string({ unit: 'binary' }), stringOf('ab= ,"\\\t;', { maxLength: 40 }));
  holds(
    t,
    'no text makes the parser throw, and what it returns survives a round trip',
    fc.property(anyText, (text) => {
      const challenges = parseChallenges(text);
      assert.deepEqual(parseChallenges(challenges.map(formatChallenge).join(', ')), challenges);
    }),
  );
  t.end();
});
