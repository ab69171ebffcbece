import { connect } from 'node:net';
import t from 'tap';
import { createTestAuthority } from '../support/ca.ts';
import { createLookup } from '../support/lookup.ts';
import { failureOf, openUpstream, patient, registryConfig, serve, serveTls } from './servers.ts';

const get = (path: string) => ({ method: 'GET', path, signal: patient() });

t.test('an authority of its own, by file', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const server = await serveTls(t, await authority.issue(['contoso.azurecr.io']), (_, response) =>
    response.end('ok'),
  );
  const url = `https://contoso.azurecr.io:${server.port}`;
  const lookup = createLookup(() => '127.0.0.1');
  const trusting = openUpstream(t, registryConfig(url, { upstream: { caFile: authority.caFile } }), {
    lookup,
  });
  const { status, body } = await trusting.request(get('/v2/'));
  await body.dump();
  t.equal(status, 200);
  t.match(await failureOf(openUpstream(t, registryConfig(url), { lookup }).request(get('/v2/'))), {
    kind: 'tls_certificate_error',
  });
  t.throws(() => openUpstream(t, registryConfig(url, { upstream: { caFile: '/nonexistent/ca.pem' } })), {
    code: 'invalid_authorities',
  });
});

t.test('an outbound proxy: CONNECT for https, absolute form for http, raw bytes in both', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const seen: (string | undefined)[] = [];
  const secure = await serveTls(t, await authority.issue(['contoso.azurecr.io']), (request, response) => {
    seen.push(request.url);
    response.end('tls');
  });
  const { createServer } = await import('node:http');
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    response.end('plain');
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    const tunnel = connect(secure.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    tunnel.on('error', () => socket.destroy());
    socket.on('error', () => tunnel.destroy());
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => proxy.close());
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxyUrl = `http://user:pw@127.0.0.1:${address.port}`;
  const through = (url: string) =>
    openUpstream(
      t,
      registryConfig(url, {
        upstream: { proxy: proxyUrl, caFile: authority.caFile, allowedPrivateAddresses: [] },
      }),
    );

  const tls = await through('https://contoso.azurecr.io').request(get('/v2//a%2Fb?x=%2B'));
  t.equal(Buffer.concat(await tls.body.toArray()).toString(), 'tls');
  const plain = await through('http://contoso.example').request(get('/v2//a%2Fb?x=%2B'));
  t.equal(Buffer.concat(await plain.body.toArray()).toString(), 'plain');
  const credentials = `Basic ${Buffer.from('user:pw').toString('base64')}`;
  t.same(asked, [
    `CONNECT contoso.azurecr.io:443 ${credentials}`,
    `GET http://contoso.example/v2//a%2Fb?x=%2B ${credentials}`,
  ]);
  t.same(seen, ['/v2//a%2Fb?x=%2B']);

  asked.length = 0;
  for (const host of ['169.254.169.254', '127.1', '[::1]', '[::ffff:10.0.0.1]']) {
    t.match(
      await failureOf(through(`http://${host}`).request(get('/v2/'))),
      { kind: 'address_refused' },
      host,
    );
  }
  t.same(asked, [], 'literals are still refused');

  const other = openUpstream(
    t,
    registryConfig('https://contoso.azurecr.io', {
      upstream: { proxy: proxyUrl, allowedPrivateAddresses: [] },
    }),
  );
  t.match(
    await failureOf(other.request(get('/v2/'))),
    { kind: 'tls_certificate_error' },
    'and certificates verified',
  );
});

t.test('close ends connections in use', async (t) => {
  const { url } = await serve(t, () => undefined);
  const upstream = openUpstream(t, registryConfig(url));
  const waiting = failureOf(upstream.request(get('/v2/')));
  await upstream.close();
  t.match(await waiting, { name: 'UpstreamFailure' });
});
