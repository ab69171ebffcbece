import t from 'tap';
import { selectRealm } from '../../src/upstream/realm.ts';
import { failureOf, openUpstream, patient, registryConfig, serve, serveRaw, TIMEOUTS } from './servers.ts';
import { challenge } from './token-service.ts';

const rules = { upstreamOrigin: 'https://contoso.azurecr.io', tokenHosts: ['auth.docker.io'] };
const select = (value: string | undefined): unknown => selectRealm({ 'www-authenticate': value }, rules);

t.test('the realm of a challenge', async (t) => {
  t.same(select('Bearer realm="https://contoso.azurecr.io/oauth2/token",service="contoso.azurecr.io"'), {
    kind: 'bearer',
    url: 'https://contoso.azurecr.io/oauth2/token',
    service: 'contoso.azurecr.io',
    scope: undefined,
  });
  t.match(
    select('Basic realm="x", Bearer realm="https://auth.docker.io/token?a=b",scope="repository:a:pull,push"'),
    {
      kind: 'bearer',
      url: 'https://auth.docker.io/token?a=b',
      scope: 'repository:a:pull,push',
    },
  );
  t.same(select('Basic realm="Azure Container Registry"'), { kind: 'basic' });
});

t.test('refused realms: nothing is sent there', async (t) => {
  for (const realm of [
    'http://contoso.azurecr.io/oauth2/token',
    'https://evil.example/token',
    'https://contoso.azurecr.io.evil.example/token',
    'https://contoso.azurecr.io:8443/token',
    'https://contoso.azurecr.io@evil.example/token',
    'https://user:pw@contoso.azurecr.io/token',
    'https://contoso.azurecr.io/token#x',
    '/oauth2/token',
    '//evil.example/token',
    '',
    `https://contoso.azurecr.io/${'a'.repeat(3000)}`,
  ]) {
    const failure = await failureOf(Promise.resolve().then(() => select(`Bearer realm="${realm}"`)));
    t.match(failure, { kind: 'proxy_configuration_error', where: 'token_service' }, realm.slice(0, 60));
  }
  for (const value of ['', undefined, 'Negotiate abc', 'Digest realm="x"']) {
    t.match(
      await failureOf(Promise.resolve().then(() => select(value))),
      { kind: 'http_protocol_error' },
      String(value),
    );
  }
});

t.test('asked once at a time, kept for ten minutes', async (t) => {
  let requests = 0;
  let now = 1_000_000;
  const { url } = await serve(t, (request, response) => {
    requests += 1;
    t.equal(request.url, '/v2/');
    t.equal(request.headers.authorization, undefined);
    challenge(response, `Bearer realm="${url}/token",service="s",scope="repository:user/image:pull"`);
  });
  const upstream = openUpstream(t, registryConfig(url), { now: () => now });
  const both = await Promise.all([upstream.realm(patient()), upstream.realm(patient())]);
  const expected = { kind: 'bearer', url: `${url}/token`, service: 's', scope: undefined };
  t.same(both, [expected, expected], "the ping's own scope is nobody's");
  now += 9 * 60_000;
  await upstream.realm(patient());
  t.equal(requests, 1);
  now += 2 * 60_000;
  await upstream.realm(patient());
  t.equal(requests, 2);
});

t.test('no challenge, and answers that are none', async (t) => {
  let status = 200;
  const { url } = await serve(t, (_, response) => {
    response.writeHead(status, { 'retry-after': '9' }).end();
  });
  const open = () => openUpstream(t, registryConfig(url));
  t.same(await open().realm(patient()), { kind: 'none' });
  status = 429;
  t.match(await failureOf(open().realm(patient())), { status: 429, retryAfterSeconds: 9 });
  status = 503;
  t.match(await failureOf(open().realm(patient())), { kind: 'destination_unavailable', status: 503 });
  const failing = open();
  await failureOf(failing.realm(patient()));
  status = 200;
  t.same(await failing.realm(patient()), { kind: 'none' }, 'a failure is not kept');
});

t.test('a silent upstream, and a waiter that leaves', async (t) => {
  const { url } = await serveRaw(t, () => undefined);
  const upstream = openUpstream(t, registryConfig(url), {
    timeouts: { ...TIMEOUTS, headersSeconds: 0.2, commitSeconds: 30 },
  });
  const leaver = new AbortController();
  const left = failureOf(upstream.realm(leaver.signal));
  const stays = failureOf(upstream.realm(patient()));
  leaver.abort();
  t.match(await left, { name: 'UpstreamFailure', kind: 'connection_terminated' });
  t.match(await stays, { kind: 'http_response_timeout' });
});
