import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { digestAlgorithm, digestHex, parseDigest } from '../../src/oci/digest.ts';
import { holds, stringOf } from '../support/property.ts';

const A = 'a'.repeat(64);

await tap.test('supported digests', (t) => {
  for (const [algorithm, hex] of [
    ['sha256', A],
    ['sha512', `${A}${'0'.repeat(64)}`],
  ] as const) {
    const parsed = parseDigest(`${algorithm}:${hex}`);
    t.strictSame(parsed, { kind: 'ok', digest: `${algorithm}:${hex}`, algorithm, hex });
    if (parsed.kind === 'ok') {
      t.equal(digestAlgorithm(parsed.digest), algorithm);
      t.equal(digestHex(parsed.digest), hex);
    }
  }
  t.end();
});

await tap.test('well-formed, by another algorithm', (t) => {
  for (const text of [
    'sha384:abc',
    'blake3:AZaz09=_-',
    'sha256+b64u:LCa0a2j',
    'multihash+base58:Qm',
    'a.b_c-d:e',
    `sha1:${A}`,
  ]) {
    t.strictSame(parseDigest(text), { kind: 'unsupported' }, text);
  }
  t.end();
});

await tap.test('no digests', (t) => {
  const rows = [
    '',
    ':',
    'sha256',
    'sha256:',
    `:${A}`,
    A,
    `sha256:${A.slice(1)}`,
    `sha256:${A}a`,
    `sha256:${A.toUpperCase()}`,
    `sha256:${A.slice(1)}g`,
    `SHA256:${A}`,
    `sha512:${A}`,
    `sha256:${A}${A}`,
    `sha256:${A}\n`,
    ` sha256:${A}`,
    `sha256%3A${A}`,
    `sha256::${A}`,
    `sha256:${A}:x`,
    'sha256:../../etc',
    '+a:b',
    'a+:b',
    'a++b:c',
    'other:a/b',
    'other:a b',
    `other:${'a'.repeat(300)}`,
    `${'a.'.repeat(120)}:`,
  ];
  for (const text of rows) t.strictSame(parseDigest(text), { kind: 'invalid' }, JSON.stringify(text));
  t.end();
});

await tap.test('properties', (t) => {
  const hex = stringOf('0123456789abcdef', { minLength: 64, maxLength: 64 });
  holds(
    t,
    'every sha256 and sha512 digest is read back',
    fc.property(hex, hex, (a, b) => {
      assert.equal(parseDigest(`sha256:${a}`).kind, 'ok');
      assert.equal(parseDigest(`sha512:${a}${b}`).kind, 'ok');
    }),
  );
  holds(
    t,
    'no other text is',
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), stringOf('sha256:0aA=+._-')),
      (text) => parseDigest(text).kind !== 'ok',
    ),
  );
  t.end();
});
