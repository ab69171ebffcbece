import * as fc from 'fast-check';
import tap from 'tap';
import { ifRangeMatches, matchesEntityTag } from '../../src/http/entity-tag.ts';
import { holds, stringOf } from '../support/property.ts';

await tap.test('If-None-Match', (t) => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['"a"', '"a"', true],
    ['W/"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['"b", "a"', '"a"', true],
    ['"b","a","c"', '"a"', true],
    [' ,, "b" ,\t, W/"a" , ', '"a"', true],
    ['"b,\\"', '"b,\\"', true],
    ['*', '"a"', true],
    [' * ', '"a"', true],
    ['""', '""', true],
    ['"a"', '"A"', false],
    ['"b"', '"a"', false],
    ['', '"a"', false],
    ['a', '"a"', false],
    ['w/"a"', '"a"', false],
    ['"a', '"a"', false],
    ['"a" "b"', '"a"', false],
    ['*, "b"', '"a"', false],
    [',*', '"a"', false],
    ['"a", b', '"a"', false],
    ['"a b"', '"a b"', false],
    ['"a"', 'a', false],
    [`"a", "${'b'.repeat(8192)}"`, '"a"', false],
  ];
  for (const [value, tag, expected] of rows) {
    t.equal(matchesEntityTag(value, tag), expected, `${JSON.stringify(value.slice(0, 40))} and ${tag}`);
  }
  t.end();
});

await tap.test('If-Range', (t) => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['"a"', '"a"', true],
    [' "a" ', '"a"', true],
    ['W/"a"', '"a"', false],
    ['W/"a"', 'W/"a"', false],
    ['"b"', '"a"', false],
    ['"a", "b"', '"a"', false],
    ['*', '"a"', false],
    ['Sun, 06 Nov 1994 08:49:37 GMT', '"a"', false],
    ['', '', false],
  ];
  for (const [value, tag, expected] of rows)
    t.equal(ifRangeMatches(value, tag), expected, `${value} and ${tag}`);
  t.end();
});

await tap.test('properties', (t) => {
  const tag = stringOf('ab:,\\/W*', { maxLength: 8 }).map((text) => `"${text}"`);
  holds(
    t,
    'a list names each of its members',
    fc.property(fc.array(tag, { minLength: 1, maxLength: 5 }), fc.nat(), (tags, index) =>
      matchesEntityTag(tags.join(', '), tags[index % tags.length] ?? ''),
    ),
  );
  const anyText = fc.oneof(fc.string({ unit: 'binary' }), stringOf('"aW/, *'));
  holds(
    t,
    'a tag that is not in the text is not named',
    fc.property(anyText, (value) => value.trim() === '*' || !matchesEntityTag(value, '"not-there"')),
  );
  t.end();
});
