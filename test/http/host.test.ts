import * as fc from 'fast-check';
import tap from 'tap';
import { hostname, isSameOrSubdomain, matchHostPattern, parseHost } from '../../src/http/host.ts';
import { holds, stringOf } from '../support/property.ts';

await tap.test('hosts', (t) => {
  const rows: readonly (readonly [string, string, string])[] = [
    // value, with https, with http
    ['Contoso.Registry.Example', 'contoso.registry.example', 'contoso.registry.example'],
    ['a.example:443', 'a.example', 'a.example:443'],
    ['a.example:80', 'a.example:80', 'a.example'],
    ['a.example:5000', 'a.example:5000', 'a.example:5000'],
    ['a.example:', 'a.example', 'a.example'],
    ['a.example.', 'a.example', 'a.example'],
    ['a.example.:443', 'a.example', 'a.example:443'],
    ['localhost', 'localhost', 'localhost'],
    ['my_registry-1', 'my_registry-1', 'my_registry-1'],
    ['127.0.0.1:5000', '127.0.0.1:5000', '127.0.0.1:5000'],
    ['255.255.255.255', '255.255.255.255', '255.255.255.255'],
    ['[::1]:5000', '[::1]:5000', '[::1]:5000'],
    ['[0:0:0:0:0:0:0:1]', '[::1]', '[::1]'],
    ['[2001:DB8::1]:443', '[2001:db8::1]', '[2001:db8::1]:443'],
    ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:7f00:1]'],
    ['1.example', '1.example', '1.example'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ];
  for (const [value, https, http] of rows) {
    t.equal(parseHost(value, 'https'), https, `${value} https`);
    t.equal(parseHost(value, 'http'), http, `${value} http`);
  }
  t.end();
});

await tap.test('no hosts', (t) => {
  const rows = [
    '',
    '.',
    ':443',
    '.example',
    'a..example',
    'a.example..',
    '-a.example',
    'a-.example',
    'a b',
    ' a',
    'a\t',
    'a\0',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'a%2eb',
    'user@a',
    'user:pw@a',
    'https://a',
    'a,b',
    'a*b',
    'bücher.example',
    'ａ.example',
    'a:0',
    'a:00443',
    'a:65536',
    'a:123456',
    'a:+1',
    'a:1x',
    'a:b',
    'a:1:2',
    '::1',
    '[::1',
    '::1]',
    '[]',
    '[::1]x',
    '[::1]:x',
    '[fe80::1%25eth0]',
    '[1.2.3.4]',
    '[:::]',
    '[g::1]',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '127.0.0.1.1',
    '127.0.0.256',
    '127.0.0.01',
    '1.2.3.0x4',
    'a.1',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}aa`,
    'a'.repeat(1000),
  ];
  for (const value of rows) t.equal(parseHost(value, 'https'), undefined, JSON.stringify(value.slice(0, 40)));
  t.end();
});

await tap.test('the host without its port', (t) => {
  t.equal(hostname('a.example:5000'), 'a.example');
  t.equal(hostname('a.example'), 'a.example');
  t.equal(hostname('[::1]:5000'), '[::1]');
  t.equal(hostname('[::1]'), '[::1]');
  t.end();
});

await tap.test('same host or below it', (t) => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['a.example', 'a.example', true],
    ['a.example:1', 'a.example:2', true],
    ['data.a.example:1', 'a.example:2', true],
    ['x.y.a.example', 'a.example', true],
    ['xa.example', 'a.example', false],
    ['example', 'a.example', false],
    ['[::1]:1', '[::1]', true],
    ['[::1]', '[::2]', false],
  ];
  for (const [host, parent, expected] of rows)
    t.equal(isSameOrSubdomain(host, parent), expected, `${host} ${parent}`);
  t.end();
});

await tap.test('patterns', (t) => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['a.example', 'a.example', true],
    ['A.Example', 'a.example', true],
    ['*.blob.core.windows.net', 'weureplstore76.blob.core.windows.net', true],
    ['*.blob.core.windows.net', 'blob.core.windows.net', false],
    ['*.blob.core.windows.net', '.blob.core.windows.net', false],
    ['*.blob.core.windows.net', 'a.b.blob.core.windows.net', false],
    ['*.blob.core.windows.net', 'a.blob.core.windows.net.evil.example', false],
    ['*.blob.core.windows.net', 'a.blob.core.windows.net:444', false],
    ['*.blob.core.windows.net:444', 'a.blob.core.windows.net:444', true],
    ['eus*.blob.core.windows.net', 'eus1.blob.core.windows.net', true],
    ['eus*.blob.core.windows.net', 'eus.blob.core.windows.net', false],
    ['eus*.blob.core.windows.net', 'xeus1.blob.core.windows.net', false],
    ['*eus*.example', 'weusx.example', true],
    ['*eus*.example', 'eusx.example', false],
    ['*ab*ab.example', 'xabababab.example', true],
    ['*ab*ab.example', 'xabab.example', false],
    ['*ab*ab.example', 'xabcab.example', true],
    ['**.example', 'a.example', false],
    ['**.example', 'ab.example', true],
    ['s3.*.amazonaws.com', 's3.eu-west-1.amazonaws.com', true],
    ['*', 'localhost', true],
    ['*', 'localhost:1', false],
    ['*', 'a.example', false],
    ['*:*', 'a:1', false],
    ['a.example:*', 'a.example:1', false],
    ['[::1]:5000', '[::1]:5000', true],
    ['[::1]:5000', '[::1]', false],
    ['a.example', 'aXexample', false],
    ['', '', true],
  ];
  for (const [pattern, host, expected] of rows) {
    t.equal(matchHostPattern(pattern, host), expected, `${pattern} and ${host}`);
  }
  t.equal(matchHostPattern(`${'*a'.repeat(30)}b`, 'a'.repeat(63)), false, 'ends soon');
  t.end();
});

await tap.test('properties', (t) => {
  const scheme = fc.constantFrom('http' as const, 'https' as const);
  const like = stringOf('aB1.-_:[]0x4438@/ ', { maxLength: 20 });
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    like,
    fc.domain(),
    fc.ipV6().map((text) => `[${text}]`),
  );
  holds(
    t,
    'parsing is idempotent, and the URL parser agrees about the host',
    fc.property(anyText, scheme, (value, given) => {
      const host = parseHost(value, given);
      if (host === undefined) return true;
      const url = URL.parse(`${given}://${host}/`);
      // A name with an underscore, or xn-- that decodes to nothing, is no host for the URL standard.
      return parseHost(host, given) === host && (url === null ? host.includes('xn--') : url.host === host);
    }),
  );
  const label = stringOf('ab', { minLength: 1, maxLength: 6 });
  const piece = stringOf('ab*', { minLength: 1, maxLength: 6 });
  holds(
    t,
    'patterns match as the regular expression [^.]+ for each * does',
    fc.property(
      fc.array(piece, { minLength: 1, maxLength: 3 }),
      fc.array(label, { minLength: 1, maxLength: 3 }),
      (p, l) => {
        const expression = new RegExp(`^${p.join('\\.').replaceAll('*', '[^.]+')}$`);
        return matchHostPattern(p.join('.'), l.join('.')) === expression.test(l.join('.'));
      },
    ),
  );
  t.end();
});
