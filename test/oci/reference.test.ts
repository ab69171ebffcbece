import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { formatReference, parseReference } from '../../src/oci/reference.ts';
import { holds } from '../support/property.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

await tap.test('references', (t) => {
  for (const tag of [
    'latest',
    '1',
    '_',
    'V1.0-rc_1',
    'sha256-00.sig',
    'a'.repeat(128),
    DIGEST.replace(':', '-'),
  ]) {
    t.strictSame(parseReference(tag), { kind: 'tag', tag }, tag);
  }
  t.strictSame(parseReference(DIGEST), { kind: 'digest', digest: DIGEST });
  const rows: readonly (readonly [string, string])[] = [
    ['', 'invalid_tag'],
    ['.INVALID', 'invalid_tag'],
    ['-a', 'invalid_tag'],
    ['..', 'invalid_tag'],
    ['a/b', 'invalid_tag'],
    ['a b', 'invalid_tag'],
    ['a\n', 'invalid_tag'],
    ['a%20', 'invalid_tag'],
    ['a+b', 'invalid_tag'],
    ['é', 'invalid_tag'],
    ['a'.repeat(129), 'invalid_tag'],
    ['a'.repeat(1_000_000), 'invalid_tag'],
    ['sha256:', 'invalid_digest'],
    ['latest:1', 'unsupported_digest'],
    ['sha384:00', 'unsupported_digest'],
    [DIGEST.slice(0, -1), 'invalid_digest'],
  ];
  for (const [text, kind] of rows) t.strictSame(parseReference(text), { kind }, text.slice(0, 40));
  t.end();
});

await tap.test('properties', (t) => {
  const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
  const digest = fc.stringMatching(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
  holds(
    t,
    'format is the inverse of parse',
    fc.property(fc.oneof(tag, digest), (text) => {
      const reference = parseReference(text);
      assert.ok(reference.kind === 'tag' || reference.kind === 'digest');
      assert.equal(formatReference(reference), text);
    }),
  );
  holds(
    t,
    'never throws, and a reference has no separator',
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const reference = parseReference(text);
      if (reference.kind === 'tag' || reference.kind === 'digest') {
        assert.match(formatReference(reference), /^[A-Za-z0-9._:-]+$/);
      }
    }),
  );
  t.end();
});
