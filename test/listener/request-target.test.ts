import t from 'tap';
import { requestTarget } from '../../src/listener/request-target.ts';

const HOST = ['Host', 'a.example:80'];

t.test('origin form and absolute form', (t) => {
  const cases = [
    ['/v2/', HOST, { kind: 'target', host: 'a.example', path: '/v2/' }],
    ['/v2/a%2Fb/../x?n=1#f', HOST, { kind: 'target', host: 'a.example', path: '/v2/a%2Fb/../x?n=1#f' }],
    ['//b.example/v2/', HOST, { kind: 'target', host: 'a.example', path: '//b.example/v2/' }],
    ['http://b.example/v2/', HOST, { kind: 'target', host: 'b.example', path: '/v2/' }],
    ['HTTP://B.example:5000', HOST, { kind: 'target', host: 'b.example:5000', path: '/' }],
    ['http://b.example?ns=x', HOST, { kind: 'target', host: 'b.example', path: '/?ns=x' }],
    ['/v2/', ['X-Host', 'x', 'hOST', 'a.example'], { kind: 'target', host: 'a.example', path: '/v2/' }],
  ] as const;
  for (const [url, rawHeaders, wanted] of cases) {
    t.same(requestTarget({ url, rawHeaders: [...rawHeaders] }, 'http'), wanted, url);
  }
  t.match(
    requestTarget({ url: '/', rawHeaders: ['Host', 'a.example:443'] }, 'https'),
    { host: 'a.example' },
    "the scheme's own port is left out",
  );
  t.end();
});

t.test('refused', (t) => {
  const cases = [
    ['/v2/', [], 'missing_host'],
    ['http://b.example/v2/', [], 'missing_host'],
    ['/v2/', [...HOST, 'host', 'a.example'], 'duplicate_host'],
    ['/v2/', ['Host', ''], 'malformed_host'],
    ['/v2/', ['Host', 'a.example/x'], 'malformed_host'],
    ['/v2/', ['Host', 'a.example, b.example'], 'malformed_host'],
    ['http://user@b.example/v2/', HOST, 'malformed_host'],
    ['http:///v2/', HOST, 'malformed_host'],
    ['*', HOST, 'malformed_target'],
    ['', HOST, 'malformed_target'],
    ['b.example:443', HOST, 'malformed_target'],
    ['ftp://b.example/', HOST, 'malformed_target'],
  ] as const;
  for (const [url, rawHeaders, reason] of cases) {
    t.match(requestTarget({ url, rawHeaders: [...rawHeaders] }, 'http'), { kind: 'refused', reason }, url);
  }
  t.end();
});
