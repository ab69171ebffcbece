import t from 'tap';
import type { RedirectHost } from '../../src/config/config.ts';
import { checkLocation, MAX_LOCATION_LENGTH } from '../../src/upstream/check-location.ts';

const listed: RedirectHost[] = [
  { host: '*.blob.core.windows.net', pathPattern: null },
  { host: 'cdn.example', pathPattern: '/[0-9a-f]+//docker/.*' },
  { host: 'azurite.example:10000', pathPattern: null },
];
const rules = { redirectHosts: listed, upstreamOrigin: 'https://contoso.azurecr.io', allowHttp: false };
const base = 'https://contoso.azurecr.io/v2/a/b/blobs/sha256:00?x=1';

t.test('allowed locations, byte for byte', async (t) => {
  const rows: [string, string, boolean][] = [
    ['https://x.blob.core.windows.net/c//docker/%2B%2f?sig=a%2Bb%3D&se=1', 'x.blob.core.windows.net', false],
    ['https://X.Blob.core.windows.net:443/c', 'x.blob.core.windows.net', false],
    ['https://azurite.example:10000/a', 'azurite.example:10000', false],
    ['https://cdn.example/0af//docker/x?y', 'cdn.example', false],
    ['https://contoso.azurecr.io/v2/a/manifests/b', 'contoso.azurecr.io', true],
  ];
  for (const [location, host, sameOrigin] of rows) {
    t.match(checkLocation(location, base, rules), { kind: 'ok', url: location, host, sameOrigin }, location);
  }
});

t.test('relative references are resolved without touching their bytes', async (t) => {
  const rows: [string, string][] = [
    ['/v2//a%2Fb?c=%2B', 'https://contoso.azurecr.io/v2//a%2Fb?c=%2B'],
    ['//x.blob.core.windows.net//a', 'https://x.blob.core.windows.net//a'],
    ['?n=2', 'https://contoso.azurecr.io/v2/a/b/blobs/sha256:00?n=2'],
    ['next?n=2', 'https://contoso.azurecr.io/v2/a/b/blobs/next?n=2'],
  ];
  for (const [location, url] of rows) {
    t.match(checkLocation(location, base, rules), { kind: 'ok', url }, location);
    t.match(checkLocation(location, new URL(base), rules), { kind: 'ok', url }, `${location}, base as URL`);
  }
});

t.test('refused locations', async (t) => {
  const rows: [string | string[] | undefined, string][] = [
    [undefined, 'malformed'],
    ['', 'malformed'],
    [['https://x.blob.core.windows.net/', 'https://evil.example/'], 'malformed'],
    [`https://x.blob.core.windows.net/${'a'.repeat(MAX_LOCATION_LENGTH)}`, 'too_long'],
    ['https://x.blob.core.windows.net/a\tb', 'malformed'],
    ['https://x.blob.core.windows.net/\r\nSet-Cookie:a=b', 'malformed'],
    ['https://x.blob.core.windows.net/a b', 'malformed'],
    ['https://x.blob.core.windows.net/\u0000', 'malformed'],
    ['https://x.blob.core.windows.net/\u00e9', 'malformed'],
    ['https://x.blob.core.windows.net/a#b', 'fragment_in_url'],
    ['https://x.blob.core.windows.net/a/../b', 'malformed'],
    ['https://x.blob.core.windows.net/a/%2E%2e/b', 'malformed'],
    ['https://evil.example\\@x.blob.core.windows.net/', 'malformed'],
    ['https://user:secret@x.blob.core.windows.net/a', 'credentials_in_url'],
    ['https://x.blob.core.windows.net@evil.example/a', 'credentials_in_url'],
    ['//user@x.blob.core.windows.net/a', 'credentials_in_url'],
    ['http://x.blob.core.windows.net/a', 'scheme_not_allowed'],
    ['http://contoso.azurecr.io/a', 'scheme_not_allowed'],
    ['ftp://x.blob.core.windows.net/a', 'scheme_not_allowed'],
    ['file:///etc/passwd', 'scheme_not_allowed'],
    ['javascript:alert(1)', 'scheme_not_allowed'],
    ['https://evil.example/a', 'host_not_listed'],
    ['https://blob.core.windows.net/a', 'host_not_listed'],
    ['https://a.b.blob.core.windows.net/a', 'host_not_listed'],
    ['https://x.blob.core.windows.net.evil.example/a', 'host_not_listed'],
    ['https://x.blob.core.windows.net:8443/a', 'host_not_listed'],
    ['https://contoso.azurecr.io:8443/a', 'host_not_listed'],
    ['https://127.1/a', 'host_not_listed'],
    ['https://[::1]/a', 'host_not_listed'],
    ['https://azurite.example/a', 'host_not_listed'],
    ['https://cdn.example/0af/docker/x', 'path_not_listed'],
    ['https://cdn.example/x/0af//docker/x', 'path_not_listed'],
  ];
  for (const [location, reason] of rows) {
    const name = String(location).slice(0, 80);
    t.match(checkLocation(location, base, rules), { kind: 'refused', reason }, JSON.stringify(name));
  }
});

t.test('where the list is the reason, the host is told, and nothing else of the location', async (t) => {
  for (const [location, host] of [
    ['https://EVIL.example/a?sig=secret', 'evil.example'],
    ['//evil.example:8443/a', 'evil.example:8443'],
    ['https://cdn.example/0af/docker/x', 'cdn.example'],
    ['https://x.blob.core.windows.net/a#b', undefined],
    [`https://${'a.'.repeat(1000)}example/a`, 'a.'.repeat(200).slice(0, 255)],
  ] as const) {
    const checked = checkLocation(location, base, rules);
    t.equal(checked.kind === 'refused' ? checked.host : checked.kind, host, location.slice(0, 60));
  }
});

t.test('plain http only where the upstream is reached by it, and only for hosts of its own', async (t) => {
  const http = { redirectHosts: listed, upstreamOrigin: 'http://contoso.azurecr.io', allowHttp: true };
  t.match(checkLocation('http://x.blob.core.windows.net/a', base, http), { kind: 'ok' });
  t.match(checkLocation('http://contoso.azurecr.io/a', base, http), { kind: 'ok', sameOrigin: true });
  t.match(checkLocation('http://evil.example/a', base, http), { kind: 'refused', reason: 'host_not_listed' });
});
