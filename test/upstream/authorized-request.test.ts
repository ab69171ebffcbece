import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import type { UpstreamAuth } from '../../src/config/config.ts';
import {
  failureOf,
  openUpstream,
  patient,
  registryConfig,
  serve,
  type UpstreamUnderTest,
} from './servers.ts';
import { challenge, json, note, type Seen } from './token-service.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

async function credentialsFile(t: Test, text = 'robot:pass:word\n'): Promise<string> {
  const file = join(t.testdir({}), 'credentials');
  await writeFile(file, text);
  return file;
}

type Options = {
  /** Tokens that the registry takes. */
  readonly accepts?: (authorization: string | undefined) => boolean;
  readonly auth?: UpstreamAuth;
  readonly now?: () => number;
  readonly token?: (count: number) => unknown;
};

/** A registry with its token service, and an upstream with own credentials before them. */
async function open(t: Test, options: Options = {}) {
  const seen: Seen[] = [];
  const tokens: Seen[] = [];
  const accepts = options.accepts ?? ((value) => value?.startsWith('Bearer t') ?? false);
  const registry = await serve(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      note(tokens, request);
      if (request.headers.authorization !== basic('robot:pass:word')) return response.writeHead(401).end();
      return json(
        response,
        options.token?.(tokens.length) ?? { token: `t${tokens.length}`, expires_in: 100 },
      );
    }
    if (request.url !== '/v2/') note(seen, request);
    if (request.url === '/v2/' || !accepts(request.headers.authorization)) {
      return challenge(
        response,
        `Bearer realm="${registry.url}/token",service="s",scope="repository:a:pull"`,
      );
    }
    request.resume();
    return request.on('end', () => response.end('ok'));
  });
  const auth = options.auth ?? { kind: 'file', file: await credentialsFile(t) };
  const upstream = openUpstream(t, registryConfig(registry.url, { upstream: { auth } }), {
    now: options.now,
  });
  return { upstream, seen, tokens, registry };
}

async function get(upstream: UpstreamUnderTest, path: string): Promise<number> {
  const { status, body } = await upstream.request({
    method: 'GET',
    path,
    authorization: 'Bearer from-the-client',
    signal: patient(),
  });
  await body.dump();
  return status;
}

t.test('one token per scope, one refresh in flight, the caller is never asked', async (t) => {
  const { upstream, seen, tokens } = await open(t);
  const path = '/v2/a/manifests/1';
  t.same(await Promise.all([get(upstream, path), get(upstream, path), get(upstream, path)]), [200, 200, 200]);
  t.equal(await get(upstream, '/v2/b/manifests/1'), 200);
  t.same(
    tokens.map(({ url, authorization }) => [url, authorization]),
    [
      ['/token?service=s&scope=repository%3Aa%3Apull', basic('robot:pass:word')],
      ['/token?service=s&scope=repository%3Ab%3Apull', basic('robot:pass:word')],
    ],
  );
  t.same(
    seen.map(({ authorization }) => authorization),
    ['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t2'],
  );
  t.equal(await upstream.ownAuthorization('/v2/b/blobs/x', patient()), 'Bearer t2');
});

t.test('a token is used for 80 % of its life', async (t) => {
  let now = 0;
  const { upstream, tokens } = await open(t, { now: () => now });
  await get(upstream, '/v2/a/manifests/1');
  now = 79_000;
  await get(upstream, '/v2/a/manifests/1');
  t.equal(tokens.length, 1);
  now = 81_000;
  await get(upstream, '/v2/a/manifests/1');
  t.equal(tokens.length, 2);
});

t.test('a refused token is renewed once, and once only', async (t) => {
  const once = await open(t, { accepts: (value) => value === 'Bearer t2' });
  t.equal(await get(once.upstream, '/v2/a/manifests/1'), 200);
  t.same(
    once.seen.map(({ authorization }) => authorization),
    ['Bearer t1', 'Bearer t2'],
  );
  const never = await open(t, { accepts: () => false });
  t.equal(await get(never.upstream, '/v2/a/manifests/1'), 401);
  t.equal(never.seen.length, 2);
  const same = await open(t, { accepts: () => false, token: () => ({ token: 't' }) });
  t.equal(await get(same.upstream, '/v2/a/manifests/1'), 401);
  t.equal(same.seen.length, 1, 'the same token again is not worth a try');
});

t.test('a buffered body is sent again, a streamed one is not', async (t) => {
  const { upstream, seen } = await open(t, { accepts: (value) => value === 'Bearer t2' });
  const put = async (body: Buffer | Readable): Promise<number> => {
    const response = await upstream.request({
      method: 'PUT',
      path: '/v2/a/manifests/1',
      body,
      signal: patient(),
    });
    await response.body.dump();
    return response.status;
  };
  t.equal(await put(Readable.from([Buffer.from('{}')])), 401);
  t.equal(seen.length, 1);
  t.equal(await put(Buffer.from('{}')), 200);
  t.equal(seen.length, 3);
});

t.test('Basic where the challenge is Basic, nothing where there is none', async (t) => {
  const seen: Seen[] = [];
  const server = await serve(t, (request, response) => {
    note(seen, request);
    if (request.headers.authorization === undefined) challenge(response, 'Basic realm="r"');
    else response.end();
  });
  const auth: UpstreamAuth = { kind: 'file', file: await credentialsFile(t) };
  const upstream = openUpstream(t, registryConfig(server.url, { upstream: { auth } }));
  t.equal(await get(upstream, '/v2/a/manifests/1'), 200);
  t.same(
    seen.map(({ authorization }) => authorization),
    [undefined, basic('robot:pass:word')],
  );

  const openServer = await serve(t, (request, response) => {
    note(seen, request);
    response.end();
  });
  seen.length = 0;
  t.equal(
    await get(openUpstream(t, registryConfig(openServer.url, { upstream: { auth } })), '/v2/a/tags/list'),
    200,
  );
  t.same(
    seen.map(({ authorization }) => authorization),
    [undefined, undefined],
  );
});

t.test('a token service that refuses, fails or throttles', async (t) => {
  const auth: UpstreamAuth = { kind: 'file', file: await credentialsFile(t, 'robot:wrong') };
  const { upstream } = await open(t, { auth });
  const failure = await failureOf(get(upstream, '/v2/a/manifests/1'));
  t.match(failure, { kind: 'proxy_configuration_error', where: 'token_service', message: /upstream\.auth/ });
  t.notMatch(String((failure as Error).stack), /wrong/);

  const missing = await open(t, { auth: { kind: 'file', file: '/nonexistent/file' } });
  t.match(await failureOf(get(missing.upstream, '/v2/a/manifests/1')), {
    kind: 'proxy_configuration_error',
    message: /\/nonexistent\/file.*ENOENT/,
  });
  const unusable = await open(t, { token: () => ({ nothing: true }) });
  t.match(await failureOf(get(unusable.upstream, '/v2/a/manifests/1')), { kind: 'http_protocol_error' });
  const huge = await open(t, { token: () => ({ token: 'x'.repeat(100_000) }) });
  t.match(await failureOf(get(huge.upstream, '/v2/a/manifests/1')), { kind: 'content_too_large' });

  const throttling = await serve(t, (request, response) => {
    if (request.url === '/v2/') return challenge(response, `Bearer realm="${throttling.url}/t"`);
    return response.writeHead(429, { 'retry-after': '11' }).end();
  });
  const throttled = openUpstream(
    t,
    registryConfig(throttling.url, { upstream: { auth: { kind: 'file', file: await credentialsFile(t) } } }),
  );
  t.match(await failureOf(get(throttled, '/v2/a/manifests/1')), { status: 429, retryAfterSeconds: 11 });
});

t.test('credentials never go to a realm elsewhere', async (t) => {
  const elsewhere = await serve(t, () => t.fail('nothing may arrive here'));
  const server = await serve(t, (_, response) =>
    challenge(response, `Bearer realm="${elsewhere.url}/token"`),
  );
  const auth: UpstreamAuth = { kind: 'file', file: await credentialsFile(t) };
  const upstream = openUpstream(t, registryConfig(server.url, { upstream: { auth } }));
  t.match(await failureOf(get(upstream, '/v2/a/manifests/1')), {
    kind: 'proxy_configuration_error',
    message: /tokenHosts/,
  });
});

t.test(
  'a challenge that turns to a realm elsewhere after the first request is refused as well',
  async (t) => {
    const elsewhere = await serve(t, () => t.fail('nothing may arrive here'));
    const { upstream, registry } = await open(t);
    await get(upstream, '/v2/a/manifests/1');
    const turned = await serve(t, (request, response) => {
      const realm = request.url === '/v2/' ? turned.url : elsewhere.url;
      if (request.url?.startsWith('/token')) json(response, { token: 't' });
      else challenge(response, `Bearer realm="${realm}/token"`);
    });
    t.not(turned.url, registry.url);
    const auth: UpstreamAuth = { kind: 'file', file: await credentialsFile(t) };
    const other = openUpstream(t, registryConfig(turned.url, { upstream: { auth } }));
    t.match(await failureOf(get(other, '/v2/a/manifests/1')), { kind: 'proxy_configuration_error' });
  },
);
