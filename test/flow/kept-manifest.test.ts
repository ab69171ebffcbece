import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import type { Config, ListenerConfig, RegistryConfig } from '../../src/config/config.ts';
import type { TestRequest } from '../support/http-client.ts';
import { MANIFEST_TYPE } from '../support/image.ts';
import { setClock } from './callers.ts';
import { limited } from './limiting.ts';
import { openScene, REPOSITORY, type Scene, type SceneOptions, stableHeaders } from './scene.ts';

const LISTENER: ListenerConfig = {
  address: '127.0.0.1',
  port: 0,
  network: 'public',
  clientAddress: 'xForwardedFor',
  trustedProxies: ['127.0.0.0/8'],
  tls: null,
};

type Ask = (request?: TestRequest & { readonly query?: string }) => ReturnType<Scene['send']>;

/** A manifest that was asked for until nobody has to be asked for it: its content is in memory, and the decision is kept. */
async function openKept(
  t: Test,
  options: SceneOptions = {},
  headers: Record<string, string> = {},
): Promise<{ scene: Scene; ask: Ask; readonly asked: () => number; path: string }> {
  const scene = await openScene(t, {
    ...options,
    registry: { publicProbe: false, authorizationTtlSeconds: 60, ...options.registry },
  });
  const path = `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`;
  const ask: Ask = ({ query = '', ...request } = {}) => scene.send(`${path}${query}`, request);
  const asked = (): number => {
    const count = scene.registry.count('manifest');
    scene.registry.requests.length = 0;
    return count;
  };
  for (let time = 0; time < 3; time += 1) {
    const { status, body } = await ask({ headers });
    t.equal(status, 200);
    t.same(body, scene.manifest);
  }
  t.equal(asked(), 1, 'for the first alone');
  return { scene, ask, asked, path };
}

async function reload({ berth }: Scene, change: Partial<RegistryConfig>): Promise<void> {
  const registries = berth.config.registries.map((registry) => ({ ...registry, ...change }));
  const config: Config = { ...berth.config, registries };
  await berth.app.reload({
    config: () => Promise.resolve(config),
    ticketKeys: () => Promise.resolve(berth.ticketKeys),
  });
}

t.test('C1 C4 a kept manifest has the same fields and line as the first answer', async (t) => {
  const { scene, ask, asked } = await openKept(t, {}, { accept: MANIFEST_TYPE });
  const headers = { accept: MANIFEST_TYPE };
  const first = await ask({ headers: { ...headers, range: 'bytes=0-3', 'x-request-id': 'of-the-client' } });
  t.equal(first.status, 200, 'a manifest has no ranges');
  t.equal(first.headers['x-request-id'], 'of-the-client');
  t.same(first.body, scene.manifest);
  t.strictSame(stableHeaders(first), {
    'docker-content-digest': scene.manifestDigest,
    'docker-distribution-api-version': 'registry/2.0',
    etag: `"${scene.manifestDigest}"`,
    'content-type': MANIFEST_TYPE,
    'content-length': String(scene.manifest.length),
    connection: 'keep-alive',
    'keep-alive': 'timeout=75',
  });
  const head = await ask({ method: 'HEAD', headers });
  t.strictSame(stableHeaders(head), stableHeaders(first));
  t.equal(head.body.length, 0);
  const unchanged = await ask({
    headers: { ...headers, 'if-none-match': `W/"x", "${scene.manifestDigest}"` },
  });
  t.equal(unchanged.status, 304);
  t.equal(unchanged.body.length, 0);
  t.equal((await ask({ headers: { ...headers, 'if-none-match': '"x"' } })).status, 200);
  t.equal(asked(), 0);
  const lines = scene.berth.log.filter(({ msg }) => msg === 'request');
  const facts = lines.map(
    ({ method, status, outcome, door, route, registry, repository, reference, digest }) => ({
      method,
      status,
      outcome,
      door,
      route,
      registry,
      repository,
      reference,
      digest,
    }),
  );
  const same = {
    door: 'login_server',
    route: 'manifest',
    registry: 'contoso',
    repository: REPOSITORY,
    reference: scene.manifestDigest,
    digest: scene.manifestDigest,
  };
  const got = { method: 'GET', status: 200, outcome: 'ok', ...same };
  t.strictSame(facts, [got, got, got, got, { ...got, method: 'HEAD' }, { ...got, status: 304 }, got]);
  t.strictSame(
    lines.slice(1).map(({ cache }) => cache),
    ['hit', 'hit', 'hit', 'hit', 'hit', 'hit'],
  );
  t.equal(await scene.berth.metric('berth_manifest_cache_requests_total', { result: 'hit' }), 6);
  t.equal(await scene.berth.metric('berth_authorization_decisions_total', { result: 'hit' }), 6);
  const labels = { server: 'login_server', route: 'manifest', method: 'GET', code: '200' };
  t.equal(await scene.berth.metric('berth_http_requests_total', labels), 5);
  t.equal(
    await scene.berth.metric('berth_http_time_to_first_byte_seconds_count', { server: 'login_server' }),
    7,
  );
});

t.test(
  'C7 what was prepared for one is for no other credentials, and not for longer than the decision',
  async (t) => {
    const clock = setClock(t);
    const { scene, ask, asked } = await openKept(t, {}, { authorization: 'Bearer a' });
    const status = async (authorization?: string) =>
      (await ask(authorization === undefined ? {} : { headers: { authorization } })).status;
    scene.registry.intercept = ({ response }, endpoint) => {
      if (endpoint !== 'manifest') return false;
      response.writeHead(403, { 'content-type': 'application/json', 'content-length': 2 });
      response.end('{}');
      return true;
    };
    for (const other of ['Bearer b', 'bearer a', 'Bearer a b', undefined])
      t.equal(await status(other), 403, String(other));
    t.equal(asked(), 4, 'each is a question of its own');
    t.equal(await status('Bearer a'), 200);
    t.equal(asked(), 0);
    clock.advance(61);
    t.equal(await status('Bearer a'), 403, 'the decision is over');
    t.equal(await status('Bearer a'), 403, 'and so is what was kept for it');
  },
);

t.test('C7 another Accept is another question', async (t) => {
  const { ask, asked } = await openKept(t, {}, { accept: MANIFEST_TYPE });
  for (const accept of ['*/*', `${MANIFEST_TYPE}, */*`]) {
    t.equal((await ask({ headers: { accept } })).status, 200);
    t.equal(asked(), 1, accept);
  }
  t.equal((await ask({ headers: { accept: MANIFEST_TYPE } })).status, 200);
  t.equal(asked(), 0);
});

t.test('P6 what was written to the repository ends it', async (t) => {
  const { scene, ask, asked } = await openKept(t, { registry: { push: true } });
  await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`, { method: 'DELETE' });
  scene.registry.requests.length = 0;
  await ask();
  t.equal(asked(), 1);
});

t.test('H3 a namespace is looked at for each target', async (t) => {
  const { ask } = await openKept(t, { registry: { namespaces: ['docker.io'] } });
  for (let time = 0; time < 3; time += 1) {
    t.equal((await ask({ query: '?ns=docker.io' })).status, 200);
    t.equal((await ask({ query: '?ns=other.example' })).status, 404);
    t.equal((await ask({ query: '?x=1?&ns=other.example' })).status, 404, 'all of the query');
  }
});

t.test('N1 a client of another network is kept out, and in the audit log', async (t) => {
  const networkRules = {
    defaultAction: 'deny',
    ipRules: [{ action: 'allow', value: '192.0.2.0/24' }],
  } as const;
  const inside = { 'x-forwarded-for': '192.0.2.7' };
  const { scene, ask } = await openKept(
    t,
    { config: { listeners: [LISTENER] }, tls: false, registry: { scheme: 'http', networkRules } },
    inside,
  );
  t.equal((await ask({ headers: { 'x-forwarded-for': '198.51.100.7' } })).status, 403);
  t.equal(await scene.berth.metric('berth_audit_events_total', { reason: 'network_rule' }), 1);
  t.equal((await ask({ headers: inside })).status, 200);
});

t.test('R1 other rules are in force for the next request', async (t) => {
  const { scene, ask, asked } = await openKept(t);
  await reload(scene, { rules: { repositories: [{ action: 'deny', pattern: `${REPOSITORY}*` }] } });
  t.equal((await ask()).status, 403, 'of repositories');
  await reload(scene, { networkRules: { defaultAction: 'deny', ipRules: [] } });
  t.equal((await ask()).status, 403, 'of networks');
  await reload(scene, { publicNetworkAccess: false });
  t.equal((await ask()).status, 403, 'of listeners');
  await reload(scene, { namespaces: ['other.example'], delivery: 'inline' });
  t.equal((await ask()).status, 200);
  t.equal(asked(), 0, 'the decisions are the same');
  await reload(scene, { authorizationTtlSeconds: 30 });
  t.equal((await ask()).status, 200);
  t.equal(asked(), 1, 'the decisions of before hold no more');
});

t.test('L2 a client that comes too often gets nothing of it', async (t) => {
  const { scene, ask } = await openKept(t, {
    config: limited({ requestsPerClient: { perSecond: 1 / 3600, burst: 4 } }),
  });
  t.equal((await ask()).status, 200);
  const tooMany = await ask();
  t.equal(tooMany.status, 429);
  t.equal(tooMany.headers['docker-content-digest'], undefined);
  t.equal(await scene.berth.metric('berth_client_limit_refusals_total', { limit: 'requests' }), 1);
});

t.test('C1 requests one behind the other, and with content, are answered in their order', async (t) => {
  const { scene, path } = await openKept(t, { registry: { scheme: 'http' }, tls: false });
  const socket = connect(scene.berth.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const host = 'Host: contoso.registry.example\r\n';
  const get = `GET ${path} HTTP/1.1\r\n${host}`;
  socket.write(
    [
      `${get}X-Request-Id: one\r\n\r\n`,
      `${get}X-Request-Id: two\r\nContent-Length: 3\r\n\r\nabc`,
      `HEAD ${path} HTTP/1.1\r\n${host}X-Request-Id: three\r\n\r\n`,
      `${get}X-Request-Id: four\r\nConnection: close\r\n\r\n`,
    ].join(''),
  );
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString('latin1');
  t.strictSame(
    Array.from(text.matchAll(/^x-request-id: (\w+)/gim), ([, id]) => id),
    ['one', 'two', 'three', 'four'],
  );
  t.equal(text.split(scene.manifest.toString('latin1')).length - 1, 3);
  t.match(text, /Connection: close\r\n[^]*$/);
});

t.test('E9 while Berth drains, the answer says that the connection ends, and it does', async (t) => {
  const blob = Buffer.from('of a layer');
  const { scene, path } = await openKept(t, {
    registry: { scheme: 'http', delivery: 'inline' },
    tls: false,
    blob,
  });
  let rest = (): void => undefined;
  scene.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'blob') return false;
    response.writeHead(200, { 'content-length': blob.length });
    response.flushHeaders();
    rest = () => void response.end(blob);
    return true;
  };
  const socket = connect(scene.berth.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  const get = (target: string): string =>
    `GET ${target} HTTP/1.1\r\nHost: contoso.registry.example\r\nX-Request-Id: of-this\r\n\r\n`;
  socket.write(get(scene.blobPath));
  while (!text.includes('\r\n\r\n')) await once(socket, 'data');
  t.match(text, /^connection: keep-alive\r$/im, 'nobody knew yet that it would end');

  const stopped = scene.berth.app.stop();
  await refused(scene.berth.port);
  socket.write(get(path));
  const underWay = (): Promise<number> => scene.berth.metric('berth_http_requests_in_flight');
  const deadline = Date.now() + 10_000;
  while ((await underWay()) !== 2 && Date.now() < deadline);
  t.equal(await underWay(), 2, 'it waits for the one before');
  rest();
  await once(socket, 'close');
  await stopped;
  const [first = '', second = ''] = text.split(/(?<=of a layer)/);
  t.match(first, /of a layer$/);
  t.match(second, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(second, /^connection: close\r$/im);
  t.equal(second.slice(second.indexOf('\r\n\r\n') + 4), scene.manifest.toString('latin1'), 'whole');
  const lines = scene.berth.log.filter(({ msg, requestId }) => msg === 'request' && requestId === 'of-this');
  t.match(lines, [
    { route: 'blob', outcome: 'ok' },
    { route: 'manifest', outcome: 'ok', cache: 'hit' },
  ]);
});

/** Nobody is let in any more. */
async function refused(port: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const attempt = connect(port, '127.0.0.1').on('error', () => undefined);
    const isIn = await new Promise<boolean>((resolve) => {
      attempt.once('connect', () => resolve(true)).once('close', () => resolve(false));
    });
    attempt.destroy();
    if (!isIn) return;
    if (Date.now() > deadline) throw new Error('clients are still let in');
  }
}
