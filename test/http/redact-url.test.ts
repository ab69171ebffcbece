import * as fc from 'fast-check';
import tap from 'tap';
import { redactUrl } from '../../src/http/redact-url.ts';
import { holds } from '../support/property.ts';

await tap.test('what may be seen', (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['/v2/', '/v2/'],
    ['/v2/a/manifests/b?ns=docker.io', '/v2/a/manifests/b?ns=docker.io'],
    ['/v2/a/tags/list?n=10&last=a%2Fb', '/v2/a/tags/list?n=10&last=a%2Fb'],
    [
      '/v2/b/blobs/uploads/?mount=sha256:00&from=a/b&digest=sha256:00',
      '/v2/b/blobs/uploads/?mount=sha256:00&from=a/b&digest=sha256:00',
    ],
    ['/x?r=a&d=sha256:00&v=1&t=AAAA', '/x?r=a&d=sha256:00&v=1&t=REDACTED'],
    [
      'https://weureplstore76.blob.core.windows.net/a//b/data?se=2023-12-27T16%3A59%3A11Z&sig=S%3D&sp=r&spr=https&sr=b&sv=2018-03-28&regid=1',
      'https://weureplstore76.blob.core.windows.net/a//b/data?se=2023-12-27T16%3A59%3A11Z&sig=REDACTED&sp=r&spr=REDACTED&sr=b&sv=2018-03-28&regid=REDACTED',
    ],
    ['https://u:secret@h:444/p?x=secret#secret', 'https://h:444/p?x=REDACTED'],
    ['https:\\\\u:secret@h\\p', 'https://h/p'],
    ['/p#secret?x=1', '/p'],
    ['/p?secret', '/p?REDACTED'],
    ['/p?ns', '/p?ns'],
    ['/p?a=1&&ns=b', '/p?a=REDACTED&&ns=b'],
    ['/p?ns=a;sig=secret', '/p?ns=REDACTED'],
    ['/p?ns=a=secret', '/p?ns=REDACTED'],
    ['/p?NS=secret', '/p?NS=REDACTED'],
    ['/p?%6e=secret', '/p?REDACTED=REDACTED'],
    [`/p?${'k'.repeat(65)}=1`, '/p?REDACTED=REDACTED'],
    [`/p?ns=${'v'.repeat(301)}`, '/p?ns=REDACTED'],
    ['//secret@h/p', 'invalid-url'],
    ['secret', 'invalid-url'],
    ['', 'invalid-url'],
    ['data:secret', 'data:REDACTED'],
    ['secret:', 'secret:REDACTED'],
  ];
  for (const [url, expected] of rows) t.equal(redactUrl(url), expected, url.slice(0, 60));
  t.equal(redactUrl(new URL('https://u:p@h/?token=x&n=1')), 'https://h/?token=REDACTED&n=1');
  t.end();
});

await tap.test('properties', (t) => {
  const secret = fc.stringMatching(/^S3CRET[A-Za-z0-9%._-]{0,20}$/);
  const key = fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/)
    .filter(
      (name) => !/^(?:artifactType|digest|from|last|mount|ns|scope|service|se|sp|sr|sv|d|n|r|v)$/.test(name),
    );
  const origin = fc.constantFrom('', 'https://h.example', 'http://h:1');
  holds(
    t,
    'the value of an unlisted key is never shown',
    fc.property(origin, fc.array(fc.tuple(key, secret), { minLength: 1 }), (base, pairs) => {
      const query = pairs.map(([name, value]) => `${name}=${value}`).join('&');
      return !redactUrl(`${base}/p?${query}`).includes('S3CRET');
    }),
  );
  holds(
    t,
    'user information is never shown',
    fc.property(secret, (password) => !redactUrl(`https://u:${password}@h/p`).includes('S3CRET')),
  );
  holds(
    t,
    'never throws',
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true })),
      (url) => typeof redactUrl(url) === 'string',
    ),
  );
  t.end();
});
