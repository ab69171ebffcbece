import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { stripHopByHop } from '../../src/http/hop-by-hop.ts';
import { holds } from '../support/property.ts';

await tap.test('the fixed list goes, the rest stays as it is', (t) => {
  t.strictSame(
    stripHopByHop({
      Connection: 'close',
      'keep-alive': 'timeout=5',
      'proxy-authenticate': 'Basic',
      'proxy-authentication-info': 'x',
      'proxy-authorization': 'Basic eA==',
      'proxy-connection': 'keep-alive',
      te: 'trailers',
      trailer: 'x-digest',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABk',
      'Accept-Encoding': 'gzip;q=0.5',
      'content-length': '3',
      'set-cookie': ['a=1', 'b=2'],
      'x-undefined': undefined,
    }),
    { 'accept-encoding': 'gzip;q=0.5', 'content-length': '3', 'set-cookie': ['a=1', 'b=2'] },
  );
  t.end();
});

await tap.test('what Connection lists goes too', (t) => {
  t.strictSame(
    stripHopByHop({ connection: 'X-Internal , x-other,,', 'x-internal': '1', 'X-Other': '2', 'x-kept': '3' }),
    { 'x-kept': '3' },
  );
  t.strictSame(stripHopByHop({ connection: ['x-a', 'x-b, x-c'], 'x-a': '1', 'x-b': '2', 'x-c': '3' }), {});
  t.strictSame(stripHopByHop({ 'Proxy-Connection': 'x-a', 'x-a': '1' }), {});
  t.end();
});

await tap.test('the copy shares nothing with the original', (t) => {
  const values = ['a'];
  const headers = { 'x-a': values };
  const copy = stripHopByHop(headers);
  values.push('b');
  t.strictSame(copy, { 'x-a': ['a'] });
  t.strictSame(headers, { 'x-a': ['a', 'b'] });
  t.end();
});

await tap.test('a field named __proto__ is a field', (t) => {
  const copy = stripHopByHop(Object.fromEntries([['__proto__', 'x']]));
  t.equal(Object.getPrototypeOf(copy), Object.prototype);
  t.ok(Object.hasOwn(copy, '__proto__'));
  t.end();
});

await tap.test('stripping twice is stripping once', (t) => {
  const name = fc.constantFrom('connection', 'te', 'accept', 'x-a', 'x-b', 'Upgrade', 'host');
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant('x-a, accept'));
  holds(
    t,
    'idempotent',
    fc.property(fc.dictionary(name, value), (headers) => {
      const once = stripHopByHop(headers);
      assert.deepEqual(stripHopByHop(once), once);
      return !['connection', 'te', 'upgrade'].some((key) => key in once);
    }),
  );
  t.end();
});
