import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { rewriteLinks } from '../../src/http/link.ts';
import { holds, stringOf } from '../support/property.ts';

const mark = (uri: string) => `[${uri}]`;

await tap.test('targets change, parameters keep their bytes', (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['</v2/a/tags/list?n=2&last=b>; rel="next"', '<[/v2/a/tags/list?n=2&last=b]>; rel="next"'],
    [
      '<https://up.example/v2/_catalog?last=a%2Fb>;rel=next',
      '<[https://up.example/v2/_catalog?last=a%2Fb]>;rel=next',
    ],
    ['<a>; rel="next"; title="x, <y>; \\" z"', '<[a]>; rel="next"; title="x, <y>; \\" z"'],
    ['<a> \t;rel=next ,<b>; rel = prev', '<[a]> \t;rel=next, <[b]>; rel = prev'],
    [',, <a>,, <b> ,', '<[a]>, <[b]>'],
    ['<>', '<[]>'],
    ['<a>;', '<[a]>;'],
    ['<a>; crossorigin; rel=next', '<[a]>; crossorigin; rel=next'],
    ['<a,b;c>', '<[a,b;c]>'],
  ];
  for (const [value, expected] of rows) t.equal(rewriteLinks(value, mark), expected, value);
  t.end();
});

await tap.test('what is not understood is left out, so that it can not lead past the proxy', (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['', ''],
    ['/v2/a/tags/list', ''],
    ['<a', ''],
    ['<a b>; rel=next', ''],
    ['<a\r\nx: y>', ''],
    ['<a<b>', ''],
    ['<a> rel=next', ''],
    ['<a>; rel="next', ''],
    ['<a>; rel=', ''],
    ['<a>; rel="next" b', ''],
    ['<a>; rel=next, b', '<[a]>; rel=next'],
    ['<a>; rel=next, <b', '<[a]>; rel=next'],
    [`<${'a'.repeat(8192)}>`, ''],
  ];
  for (const [value, expected] of rows) t.equal(rewriteLinks(value, mark), expected, JSON.stringify(value));
  t.end();
});

await tap.test('a rewritten target that would break the field is left out', (t) => {
  for (const bad of ['a>; rel=x', '<', 'a b', 'a\nb', '\u0100']) {
    t.equal(
      rewriteLinks('<a>; rel=next, <b>', (uri) => (uri === 'a' ? bad : uri)),
      '<b>',
    );
  }
  t.end();
});

await tap.test('properties', (t) => {
  const target = stringOf('ab/?&=%2F:,;"', { maxLength: 10 });
  const params = fc.constantFrom('', '; rel="next"', ';rel=next; title="a, b"');
  const links = fc.array(fc.tuple(target, params), { minLength: 1, maxLength: 5 });
  holds(
    t,
    'every target is seen once, in order',
    fc.property(links, (pairs) => {
      const seen: string[] = [];
      const value = pairs.map(([uri, rest]) => `<${uri}>${rest}`).join(', ');
      const same = rewriteLinks(value, (uri) => {
        seen.push(uri);
        return uri;
      });
      assert.equal(same, value);
      assert.deepEqual(
        seen,
        pairs.map(([uri]) => uri),
      );
    }),
  );
  const anyText = fc.oneof(fc.string({ unit: 'binary' }), stringOf('<>a;,="\\ \t'));
  holds(
    t,
    'no text makes it throw, and its result is stable',
    fc.property(anyText, (value) => {
      const once = rewriteLinks(value, (uri) => uri);
      assert.equal(
        rewriteLinks(once, (uri) => uri),
        once,
      );
    }),
  );
  t.end();
});
