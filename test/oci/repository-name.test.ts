import * as fc from 'fast-check';
import tap from 'tap';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { holds, stringOf } from '../support/property.ts';

await tap.test('names', (t) => {
  for (const name of [
    'a',
    '0',
    'library/alpine',
    'a/b/c/d/e',
    'a.b_c__d-e---f',
    'blobs/uploads/manifests/tags/list',
    'v2',
    'a'.repeat(255),
    `${'a/'.repeat(127)}a`,
  ]) {
    t.equal(parseRepositoryName(name), name, name.slice(0, 40));
  }
  t.end();
});

await tap.test('no names', (t) => {
  for (const text of [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    'A',
    'a/B',
    '.',
    '..',
    'a/..',
    '../a',
    '-a',
    'a-',
    '_a',
    'a_',
    'a___b',
    'a..b',
    'a._b',
    'a-_b',
    'a b',
    'a\n',
    'a\0b',
    'a\\b',
    'a%2fb',
    'a%2Fb',
    'a%61',
    'a:b',
    'a@b',
    'ä',
    'a'.repeat(256),
    `${'a/'.repeat(128)}a`,
    'a'.repeat(1_000_000),
    'a-'.repeat(127),
    'a__'.repeat(85),
  ]) {
    t.equal(parseRepositoryName(text), undefined, JSON.stringify(text.slice(0, 40)));
  }
  t.end();
});

await tap.test('properties', (t) => {
  const run = stringOf('az09', { minLength: 1, maxLength: 4 });
  const separator = fc.constantFrom('.', '_', '__', '-', '--', '/');
  holds(
    t,
    'runs joined by separators are names',
    fc.property(run, fc.array(fc.tuple(separator, run), { maxLength: 20 }), (first, rest) => {
      const text = first + rest.map((pair) => pair.join('')).join('');
      return parseRepositoryName(text) === text;
    }),
  );
  holds(
    t,
    'a name has no other character and no empty or dotted component',
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), stringOf('aZ0./_-%')), (text) => {
      const name = parseRepositoryName(text);
      return (
        name === undefined ||
        (/^[a-z0-9._/-]{1,255}$/.test(name) &&
          name.split('/').every((part) => !['', '.', '..'].includes(part)))
      );
    }),
  );
  t.end();
});
