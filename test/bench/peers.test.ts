import tap from 'tap';

import { formatVarnish } from '../../bench/cold/varnish.ts';
import { formatHaproxy } from '../../bench/haproxy.ts';
import { formatListen, formatProxyPass } from '../../bench/nginx.ts';
import { formatOrigin } from '../../bench/origin.ts';

// Whether the programs take them is asked of the programs, before each start (bench/check-configuration.ts).

const TLS = { certFile: 'leaf.pem', keyFile: 'leaf.key', pemFile: 'both.pem', caFile: 'ca.pem' };
const PORTS = { storagePort: 5001, registryPort: 5002 };
const WORKSPACE = { originDirectory: '/files' };

await tap.test('with TLS, every peer has it on both sides and verifies the upstream', async (t) => {
  t.match(formatListen(443, TLS), 'listen 127.0.0.1:443 ssl;');
  t.match(formatListen(443, TLS), 'TLSv1.3');
  t.match(formatProxyPass('storage', TLS), 'proxy_pass https://storage;');
  t.match(formatProxyPass('storage', TLS), /proxy_ssl_verify on; proxy_ssl_trusted_certificate ca\.pem;/);
  const haproxy = formatHaproxy(443, { upstreamPort: 5001, tls: TLS });
  t.match(haproxy, 'bind 127.0.0.1:443 ssl crt both.pem');
  t.match(haproxy, 'server origin 127.0.0.1:5001 ssl verify required ca-file ca.pem');
});

await tap.test('without TLS, none of them mentions it', async (t) => {
  for (const text of [
    formatListen(80, undefined),
    formatProxyPass('storage', undefined),
    formatHaproxy(80, { upstreamPort: 5001 }),
    formatVarnish(5001, 'keep'),
    formatOrigin(WORKSPACE, PORTS, {}),
  ]) {
    t.notMatch(text, /ssl|https/);
  }
});

await tap.test('a cache keeps what it is asked to keep, and no more', async (t) => {
  t.match(formatHaproxy(80, { upstreamPort: 5001, cache: true }), 'cache-store');
  t.notMatch(formatHaproxy(80, { upstreamPort: 5001 }), 'cache-store');
  t.match(formatVarnish(5001, 'pass'), 'return (pass);');
  t.notMatch(formatVarnish(5001, 'keep'), 'return (pass);');
});

await tap.test(
  'the origin answers manifests at each of their paths and sends blobs to its storage',
  async (t) => {
    const paths = ['/v2/a/manifests/sha256:1', '/v2/a/manifests/v1'];
    const manifests = [{ mediaType: 'application/json', digest: 'sha256:1', bytes: 2, paths }];
    const text = formatOrigin(WORKSPACE, PORTS, { manifests });
    for (const path of paths) t.match(text, `location = ${path} {`);
    t.match(text, 'return 307 http://127.0.0.1:5001$uri?sig=signature;');
    t.notMatch(text, /WWW-Authenticate|limit_rate|access_log/);
  },
);

await tap.test('the origin challenges, counts and holds back only where it is to', async (t) => {
  const text = formatOrigin(WORKSPACE, PORTS, {
    tls: TLS,
    tokens: true,
    bytesPerSecond: 1_000,
    sentLog: '/sent.log',
  });
  t.match(text, 'Bearer realm="https://127.0.0.1:5002/oauth2/token"');
  t.match(text, 'limit_rate 1000;');
  t.match(text, 'access_log /sent.log sent;');
  t.match(text, 'return 307 https://127.0.0.1:5001$uri');
});
