import * as fc from 'fast-check';
import t from 'tap';
import { parseBasicCredentials } from '../../src/policy/basic-credentials.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

t.test('user and password', (t) => {
  t.same(parseBasicCredentials(basic('alice:s3:cret')), { user: 'alice', password: 's3:cret' });
  t.same(parseBasicCredentials(basic('alice:')), { user: 'alice', password: '' });
  t.same(parseBasicCredentials(basic('zoë:naïve')), { user: 'zoë', password: 'naïve' });
  t.same(parseBasicCredentials('bAsIc   YTpi'), { user: 'a', password: 'b' });
  t.end();
});

t.test('anything else is none', (t) => {
  const rows = [
    '',
    'Basic',
    'Basic ',
    'Bearer YTpi',
    'YTpi',
    'Basic YTpi YTpi',
    'Basic Y*pi',
    basic('alice'),
    basic(':x'),
    basic('a\0b:c'),
    basic('a:b\nc'),
  ];
  for (const value of rows) t.equal(parseBasicCredentials(value), undefined, JSON.stringify(value));
  t.equal(parseBasicCredentials(basic(`a:${'x'.repeat(4000)}`)), undefined, 'too long');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const credentials = parseBasicCredentials(`Basic ${value}`);
      return credentials === undefined || !credentials.user.includes(':');
    }),
  );
  t.end();
});
