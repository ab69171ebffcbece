import t from 'tap';
import { failureOf, openUpstream, patient, registryConfig, serve } from './servers.ts';
import { note, type Seen } from './token-service.ts';

t.test('redirects are followed; credentials and private fields stay with the registry', async (t) => {
  const atStorage: NodeJS.Dict<string | string[]>[] = [];
  const seen: Seen[] = [];
  const storage = await serve(t, (request, response) => {
    atStorage.push({ url: request.url, ...request.headers });
    response.writeHead(200, { 'content-length': 4 }).end(request.method === 'HEAD' ? undefined : 'done');
  });
  const registry = await serve(t, (request, response) => {
    note(seen, request);
    const location =
      request.url === '/v2/a/manifests/1' ? '/v2/a//manifests/2?x=%2B' : `${storage.url}//c/%2B%2f?sig=a%2Bb`;
    response
      .writeHead(307, { location, 'content-length': 3 })
      .end(request.method === 'HEAD' ? undefined : 'see');
  });
  const upstream = openUpstream(
    t,
    registryConfig(registry.url, { redirectHosts: [{ host: storage.host, pathPattern: null }] }),
  );
  for (const method of ['GET', 'HEAD']) {
    const { status, body } = await upstream.follow({
      method,
      path: '/v2/a/manifests/1',
      authorization: 'Bearer secret',
      headers: { accept: 'a/b', 'x-registry-auth': 'secret', 'x-ms-range': 'bytes=0-0', cookie: 'a=b' },
      signal: patient(),
    });
    t.equal(status, 200);
    t.equal(Buffer.concat(await body.toArray()).toString(), method === 'HEAD' ? '' : 'done');
  }
  t.same(
    seen.map(({ url, authorization }) => [url, authorization]),
    [1, 2].flatMap(() => [
      ['/v2/a/manifests/1', 'Bearer secret'],
      ['/v2/a//manifests/2?x=%2B', 'Bearer secret'],
    ]),
  );
  t.same(
    atStorage,
    [1, 2].map(() => ({
      url: '//c/%2B%2f?sig=a%2Bb',
      host: storage.host,
      connection: 'keep-alive',
      accept: 'a/b',
    })),
  );
});

t.test('a status that is no redirect is the answer, whatever it is', async (t) => {
  const { url } = await serve(t, (_, response) => {
    response.writeHead(429, { 'retry-after': '7', 'content-type': 'text/plain' }).end('Ref A: x');
  });
  const upstream = openUpstream(t, registryConfig(url));
  const { status, headers, body } = await upstream.follow({
    method: 'GET',
    path: '/v2/a/tags/list',
    signal: patient(),
  });
  await body.dump();
  t.equal(status, 429);
  t.equal(headers['retry-after'], '7');
});

t.test('refused locations, loops included', async (t) => {
  let location: string | undefined;
  let requests = 0;
  const { url, host } = await serve(t, (_, response) => {
    requests += 1;
    if (location !== undefined) response.setHeader('location', location);
    response.writeHead(302).end();
  });
  const other = await serve(t, () => t.fail('nothing may arrive here'));
  const upstream = openUpstream(
    t,
    registryConfig(url, { redirectHosts: [{ host: '*.storage.example', pathPattern: null }] }),
  );
  const rows: [string, string | undefined, string, number][] = [
    ['loop', '/v2/a/manifests/1', 'too_many_redirects', 4],
    ['off the list', `${other.url}/x`, 'host_not_listed', 1],
    ['private literal', 'https://169.254.169.254/latest/', 'host_not_listed', 1],
    ['credentials', `http://user:pw@${host}/x`, 'credentials_in_url', 1],
    ['another scheme', 'gopher://a.storage.example/', 'scheme_not_allowed', 1],
    ['nothing', undefined, 'malformed', 1],
    ['a tab', `${url}/a\tb`, 'malformed', 1],
    ['latin1', `${url}/\u00e9`, 'malformed', 1],
    ['long', `${url}/${'a'.repeat(9000)}`, 'too_long', 1],
  ];
  for (const [name, value, refusal, expected] of rows) {
    location = value;
    requests = 0;
    const failure = await failureOf(
      upstream.follow({ method: 'GET', path: '/v2/a/manifests/1', signal: patient() }),
    );
    t.match(failure, { kind: 'redirect_refused', where: 'registry', refusal }, name);
    t.equal(requests, expected, name);
  }
  t.equal(await upstream.metrics.redirectsRefused.value({ reason: 'too_many_redirects' }), 1);
  t.equal(await upstream.metrics.redirectsRefused.value({ reason: 'host_not_listed' }), 2);
});

t.test('a listed name that resolves to a private address is refused at connect', async (t) => {
  const { createLookup } = await import('../support/lookup.ts');
  const target = await serve(t, () => t.fail('nothing may arrive here'));
  const { url } = await serve(t, (_, response) => {
    response.writeHead(307, { location: `http://a.storage.example:${target.port}/x` }).end();
  });
  const upstream = openUpstream(
    t,
    registryConfig(url.replace('127.0.0.1', 'registry.example'), {
      redirectHosts: [{ host: `*.storage.example:${target.port}`, pathPattern: null }],
      upstream: { allowedPrivateAddresses: ['127.0.0.1/32'] },
    }),
    { lookup: createLookup((name) => (name === 'registry.example' ? '127.0.0.1' : '127.0.0.3')) },
  );
  t.match(await failureOf(upstream.follow({ method: 'GET', path: '/v2/a/manifests/1', signal: patient() })), {
    kind: 'address_refused',
    where: 'storage',
  });
});
