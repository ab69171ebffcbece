import t from 'tap';
import { parseRawUrl } from '../../src/upstream/raw-url.ts';

t.test('path and query keep their bytes', async (t) => {
  const rows: [string, string, string][] = [
    [
      'https://weureplstore76.blob.core.windows.net/a5714a-98//docker/registry/v2/data?se=2023-12-27T16%3A59%3A11Z&sig=79%2Br%2F%3D',
      'https://weureplstore76.blob.core.windows.net',
      '/a5714a-98//docker/registry/v2/data?se=2023-12-27T16%3A59%3A11Z&sig=79%2Br%2F%3D',
    ],
    [
      'https://a.eastus.data.azurecr.io?t=1&d=sha256:aa',
      'https://a.eastus.data.azurecr.io',
      '/?t=1&d=sha256:aa',
    ],
    ['HTTPS://Host.Example:443/A%2fb%2F', 'https://host.example', '/A%2fb%2F'],
    ['http://host.example:8080', 'http://host.example:8080', '/'],
    ['http://[::1]:5000/v2/', 'http://[::1]:5000', '/v2/'],
    ['https://h.example/{a|b}"<>^`', 'https://h.example', '/{a|b}"<>^`'],
  ];
  for (const [url, origin, path] of rows) {
    const parsed = parseRawUrl(url);
    t.equal(parsed?.origin, origin, url);
    t.equal(parsed?.path, path, url);
  }
});

t.test('the host is what the URL standard makes of it', async (t) => {
  for (const host of ['127.1', '2130706433', '0x7f.1', '0177.0.0.1', '127.0.0.1']) {
    t.equal(parseRawUrl(`https://${host}/`)?.host, '127.0.0.1', host);
  }
  t.equal(parseRawUrl('https://0/')?.host, '0.0.0.0');
  t.equal(parseRawUrl('https://[::FFFF:127.0.0.1]/')?.host, '[::ffff:7f00:1]');
});

t.test('what two parsers could read differently is no URL', async (t) => {
  for (const url of [
    '',
    '/path',
    '//host/path',
    'ftp://host/',
    'https:/host/',
    'https:host',
    'https://',
    'https:///x',
    'https://user@host/',
    'https://user:pw@host/',
    'https://good.example\\@evil.example/',
    'https://host/a#b',
    'https://host/a\\b',
    'https://host/a b',
    'https://host/\u00e9',
    'https://h\u00f6st/',
    'https://host/\n',
    'https://host:99999/',
    'https://host:/x:y@z',
    'https://[::1/',
    'https://1.2.3.4.5/',
    'https://h%6fst/',
  ]) {
    t.equal(parseRawUrl(url), undefined, JSON.stringify(url));
  }
});
