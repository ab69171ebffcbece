import t, { type Test } from 'tap';
import { failureOf, openUpstream, patient, registryConfig, serve, serveRaw, TIMEOUTS } from './servers.ts';
import { challenge, json } from './token-service.ts';

type Received = {
  method?: string | undefined;
  url?: string | undefined;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
};

async function open(t: Test, realmPath = '/oauth2/token', status = 200) {
  const received: Received[] = [];
  const registry = await serve(t, (request, response) => {
    if (request.url === '/v2/')
      return challenge(response, `Bearer realm="${registry.url}${realmPath}",service="s"`);
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body });
      if (status === 200) json(response, { access_token: 'x' });
      else response.writeHead(status, { 'retry-after': '7', location: '/elsewhere' }).end('no');
    });
    return undefined;
  });
  return { upstream: openUpstream(t, registryConfig(registry.url)), received, host: registry.host };
}

t.test('GET: raw query, allow-listed fields', async (t) => {
  const { upstream, received, host } = await open(t);
  const answer = await upstream.tokenRequest({
    path: '/oauth2/token',
    method: 'GET',
    query: 'service=s&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=x+y',
    headers: {
      authorization: 'Basic dTpw',
      'user-agent': 'docker',
      cookie: 'a=b',
      host: 'registry.test',
      'x-forwarded-for': '1.2.3.4',
    },
    body: undefined,
    signal: patient(),
  });
  t.match(answer, { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' } });
  t.equal(answer.kind === 'answer' && answer.body.toString(), '{"access_token":"x"}');
  t.same(received, [
    {
      method: 'GET',
      url: '/oauth2/token?service=s&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=x+y',
      headers: { host, connection: 'keep-alive', authorization: 'Basic dTpw', 'user-agent': 'docker' },
      body: '',
    },
  ]);
});

t.test("POST form; the realm's own path and query; exchange beside it", async (t) => {
  const { upstream, received } = await open(t, '/jwt/auth?client=1');
  const body = Buffer.from('grant_type=refresh_token&refresh_token=secret');
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const path of ['/oauth2/token', '/oauth2/exchange'] as const) {
    await upstream.tokenRequest({ path, method: 'POST', query: 'a=b', headers, body, signal: patient() });
  }
  t.match(received, [
    { method: 'POST', url: '/jwt/auth?client=1&a=b', headers, body: body.toString() },
    { method: 'POST', url: '/oauth2/exchange?a=b', headers, body: body.toString() },
  ]);
});

t.test('refusals and throttling are passed on; a redirect is not followed', async (t) => {
  const ask = { path: '/oauth2/token', method: 'GET', query: '', headers: {}, body: undefined } as const;
  for (const status of [400, 401, 403, 429, 500]) {
    const { upstream } = await open(t, '/t', status);
    t.match(await upstream.tokenRequest({ ...ask, signal: patient() }), {
      status,
      headers: { 'retry-after': '7' },
    });
  }
  const { upstream, received } = await open(t, '/t', 307);
  t.match(await failureOf(upstream.tokenRequest({ ...ask, signal: patient() })), {
    kind: 'redirect_refused',
    where: 'token_service',
  });
  t.equal(received.length, 1);
});

t.test('a huge answer, a silent service, a realm elsewhere, none at all', async (t) => {
  const ask = { path: '/oauth2/token', method: 'GET', query: '', headers: {}, body: undefined } as const;
  const huge = await serve(t, (request, response) => {
    if (request.url === '/v2/') return challenge(response, `Bearer realm="${huge.url}/t"`);
    response.writeHead(200);
    response.on('drain', () => response.write(Buffer.alloc(64 * 1024)));
    response.write(Buffer.alloc(64 * 1024));
    return undefined;
  });
  t.match(
    await failureOf(openUpstream(t, registryConfig(huge.url)).tokenRequest({ ...ask, signal: patient() })),
    { kind: 'content_too_large', where: 'token_service' },
  );

  const silent = await serveRaw(t, () => undefined);
  const pointing = await serve(t, (_, response) => challenge(response, `Bearer realm="${silent.url}/t"`));
  const timeouts = { ...TIMEOUTS, headersSeconds: 0.2, commitSeconds: 30 };
  t.match(
    await failureOf(
      openUpstream(t, registryConfig(pointing.url, { upstream: { tokenHosts: [silent.host] } }), {
        timeouts,
      }).tokenRequest({
        ...ask,
        signal: patient(),
      }),
    ),
    { kind: 'http_response_timeout', where: 'token_service' },
  );
  t.match(
    await failureOf(
      openUpstream(t, registryConfig(pointing.url)).tokenRequest({ ...ask, signal: patient() }),
    ),
    { kind: 'proxy_configuration_error', message: /tokenHosts/ },
    'the same realm, not listed',
  );

  const basic = await serve(t, (_, response) => challenge(response, 'Basic realm="x"'));
  t.same(await openUpstream(t, registryConfig(basic.url)).tokenRequest({ ...ask, signal: patient() }), {
    kind: 'no_token_service',
  });
});
