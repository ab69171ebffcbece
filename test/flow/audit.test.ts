import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ListenerConfig } from '../../src/config/config.ts';
import { createLookup } from '../support/lookup.ts';
import { basic } from './callers.ts';
import { errorOf, openScene, REPOSITORY, type Scene, type SceneOptions } from './scene.ts';

const LISTENER: ListenerConfig = {
  address: '127.0.0.1',
  port: 0,
  network: 'public',
  clientAddress: 'socket',
  trustedProxies: [],
  tls: null,
};
const LOGIN = 'http://contoso.registry.example';
const DATA = 'http://contoso.eastus.data.registry.example';
const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`;

type Event = Readonly<Record<string, unknown>>;

/** A scene with plain listeners and an audit file; `events` waits for as many as are said to come. */
async function openAudited(t: Test, options: SceneOptions = {}, directory = t.testdir({})) {
  const file = join(directory, 'audit.jsonl');
  const scene = await openScene(t, {
    ...options,
    registry: { publicProbe: false, authorizationTtlSeconds: 0, ...options.registry },
    config: { listeners: [LISTENER], audit: { file }, ...options.config },
  });
  return { scene, file, events: (count: number) => readEvents(file, count) };
}

async function readEvents(file: string, count: number): Promise<Event[]> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    if (lines.length >= count) return lines.map((line): Event => JSON.parse(line));
    if (Date.now() > deadline) throw new Error(`${lines.length} of ${count} events within 5 s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Sends bytes on a connection of their own; what comes back until it ends. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    // A connection that is refused may end by a reset.
    socket.on('error', () => {});
    socket.once('close', () => resolve(answer));
    socket.write(text);
  });
}

/** What each event has, beside what it is about. */
const COMMON = { time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, client: '127.0.0.1' };
const AT_LOGIN = { ...COMMON, door: 'login_server', registry: 'contoso', host: 'contoso.registry.example' };

t.test('U1 what the login server and the data endpoint refuse is one event each', async (t) => {
  const { scene, events } = await openAudited(t, {
    registry: { push: false, rules: { repositories: [{ action: 'deny', pattern: 'secret/**' }] } },
  });
  const digest = scene.digest;
  const forged = `${DATA}/?r=${REPOSITORY}&d=${digest}&v=1&t=AAAA`;
  const rows: readonly (readonly [string, string, Event])[] = [
    ['GET', '/v2/secret/app/tags/list', { ...AT_LOGIN, reason: 'repository_rule', repository: 'secret/app' }],
    [
      'PUT',
      `/v2/${REPOSITORY}/manifests/v1`,
      { ...AT_LOGIN, reason: 'read_only', method: 'PUT', reference: 'v1' },
    ],
    ['POST', '/v2/', { ...AT_LOGIN, reason: 'method', method: 'POST' }],
    ['GET', '/v2/?ns=elsewhere.example', { ...AT_LOGIN, reason: 'namespace' }],
    ['PROPFIND', '/v2/', { ...COMMON, door: 'unknown', reason: 'method', method: 'PROPFIND' }],
    ['PUT', `${DATA}/`, { ...COMMON, door: 'data_endpoint', reason: 'method', registry: 'contoso' }],
    ['GET', forged, { reason: 'ticket', detail: 'malformed', repository: REPOSITORY, digest }],
    ['HEAD', `${DATA}/`, { reason: 'ticket', detail: 'malformed', method: 'HEAD', repository: undefined }],
  ];
  let id = 0;
  for (const [method, url, expected] of rows) {
    const headers = { 'x-request-id': `row-${(id += 1)}` };
    const refused = await scene.send(url.startsWith('/') ? `${LOGIN}${url}` : url, { method, headers });
    t.ok(refused.status >= 400, `${method} ${url}: ${refused.status}`);
    const all = await events(id);
    t.equal(all.length, id, `${method} ${url}: one event`);
    t.match(all.at(-1), { ...expected, requestId: `row-${id}` }, `${method} ${url}`);
  }
  t.equal((await scene.send(`${LOGIN}/v2/`)).status, 200);
  t.equal((await scene.send(`${LOGIN}/v2/${REPOSITORY}/manifests/none`)).status, 404);
  t.equal((await scene.send(`${LOGIN}/no/such/path`)).status, 404);
  t.equal((await events(id)).length, id, 'what is merely not there is none');
  t.equal(await scene.berth.metric('berth_audit_events_total'), id);
  t.equal(await scene.berth.metric('berth_audit_events_total', { reason: 'ticket' }), 2);
  t.notOk(
    scene.berth.log.some((line) => 'audit' in line),
    'and none is in the log',
  );
});

t.test('U1 what the listener refuses is one event each', async (t) => {
  const proxied: ListenerConfig = {
    ...LISTENER,
    clientAddress: 'proxyProtocol',
    trustedProxies: ['192.0.2.0/24'],
  };
  const { scene, events } = await openAudited(t, { config: { listeners: [LISTENER, proxied] } });
  const [plain = 0, behindProxy = 0] = scene.berth.ports;
  const host = 'host: contoso.registry.example\r\n';
  const rows: readonly (readonly [number, string, string, Event])[] = [
    [
      plain,
      'GET /v2/ HTTP/1.1\r\nhost: other.example\r\n',
      ' 421 ',
      { reason: 'host', detail: 'unknown_host', host: 'other.example' },
    ],
    [plain, 'GET /v2/ HTTP/1.1\r\n', ' 400 ', { reason: 'host', detail: 'missing_host' }],
    [plain, `GET /v2/ HTTP/1.1\r\n${host}${host}`, ' 400 ', { reason: 'host', detail: 'duplicate_host' }],
    [plain, 'GET /v2/ HTTP/1.1\r\nhost: a b\r\n', ' 400 ', { reason: 'host', detail: 'malformed_host' }],
    [plain, `GET ftp://x/ HTTP/1.1\r\n${host}`, ' 400 ', { reason: 'request', detail: 'malformed_target' }],
    [
      plain,
      `GET /v2/ HTTP/1.1\r\n${host}bad field\r\n`,
      ' 400 ',
      { reason: 'request', detail: 'malformed_request' },
    ],
    [
      plain,
      `POST /v2/ HTTP/1.1\r\n${host}content-length: 5\r\ntransfer-encoding: chunked\r\n`,
      ' 400 ',
      { reason: 'request', detail: 'malformed_request' },
    ],
    [
      plain,
      `GET /v2/ HTTP/1.1\r\n${host}expect: other\r\n`,
      ' 417 ',
      { reason: 'request', detail: 'expectation_unknown' },
    ],
    [
      plain,
      `TRACE /v2/ HTTP/1.1\r\n${host}`,
      ' 405 ',
      { reason: 'method', detail: 'method_not_allowed', method: 'TRACE' },
    ],
    [
      plain,
      'CONNECT attacker.example:443 HTTP/1.1\r\nhost: attacker.example\r\n',
      ' 405 ',
      { reason: 'method', method: 'CONNECT', host: 'attacker.example:443' },
    ],
    [
      behindProxy,
      `PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\nGET /v2/ HTTP/1.1\r\n${host}`,
      '',
      { reason: 'proxy_protocol', detail: 'proxy_protocol_untrusted', requestId: undefined },
    ],
  ];
  let count = 0;
  for (const [port, text, status, expected] of rows) {
    const answer = await sendRaw(port, `${text}connection: close\r\n\r\n`);
    t.ok(answer.includes(status), `${JSON.stringify(text)}: ${answer.slice(0, 40)}`);
    count += 1;
    const all = await events(count);
    t.equal(all.length, count, `${JSON.stringify(text)}: one event`);
    t.match(all.at(-1), { ...COMMON, door: 'unknown', ...expected }, JSON.stringify(text));
    if (expected['requestId'] !== undefined) t.type(all.at(-1)?.['requestId'], 'string');
  }
  t.equal(await scene.berth.metric('berth_audit_events_total'), count);
  t.equal(scene.registry.requests.length, 0);
});

t.test('U1 where a client comes from is an event', async (t) => {
  for (const [reason, registry] of [
    ['network_rule', { networkRules: { defaultAction: 'deny', ipRules: [] } }],
    ['public_network', { publicNetworkAccess: false }],
  ] as const) {
    const { scene, events } = await openAudited(t, { registry });
    for (const url of [`${LOGIN}/v2/`, `${DATA}/?r=x`]) t.equal((await scene.send(url)).status, 403);
    const [atLogin, atData, ...more] = await events(2);
    t.match(atLogin, { ...AT_LOGIN, reason, method: 'GET' });
    t.match(atData, { ...COMMON, reason, door: 'data_endpoint', registry: 'contoso' });
    t.equal(more.length, 0);
  }
});

t.test('U1 what Berth refuses its upstream is an event of the request that it happens to', async (t) => {
  const { scene, events } = await openAudited(t);
  const answer = (status: number, headers: Record<string, string>) => {
    scene.registry.intercept = ({ request, response }) => {
      request.resume();
      response.writeHead(status, { 'content-length': 0, ...headers }).end();
      return true;
    };
  };
  const elsewhere = 'https://attacker.example/x?sig=of-a-location';
  const challenge = { 'www-authenticate': 'Bearer realm="https://attacker.example/token",service="x"' };
  const rows: readonly (readonly [string, string, number, Record<string, string>, Event])[] = [
    [
      'GET',
      scene.blobPath,
      307,
      { location: elsewhere },
      { reason: 'redirect_location', detail: 'host_not_listed', digest: scene.digest },
    ],
    [
      'GET',
      scene.blobPath,
      307,
      { location: 'https://u:p@x.blob.core.windows.net/' },
      { reason: 'redirect_location', detail: 'credentials_in_url' },
    ],
    [
      'GET',
      `/v2/${REPOSITORY}/tags/list`,
      307,
      { location: elsewhere },
      { reason: 'redirect_location', detail: 'host_not_listed' },
    ],
    [
      'GET',
      `/v2/${REPOSITORY}/manifests/v1`,
      307,
      { location: elsewhere },
      { reason: 'redirect_location', reference: 'v1' },
    ],
    [
      'POST',
      UPLOADS,
      202,
      { location: elsewhere },
      { reason: 'upload_location', detail: 'host_not_listed', method: 'POST' },
    ],
    [
      'POST',
      UPLOADS,
      307,
      { location: elsewhere },
      { reason: 'upload_location', detail: 'upload_redirected' },
    ],
    ['GET', '/oauth2/token?service=x', 401, challenge, { reason: 'realm', detail: 'host_not_listed' }],
    [
      'PUT',
      `${UPLOADS}forged`,
      202,
      {},
      { reason: 'upload_ticket', detail: 'malformed', repository: REPOSITORY },
    ],
  ];
  let count = 0;
  for (const [method, path, status, headers, expected] of rows) {
    answer(status, headers);
    await scene.send(`${LOGIN}${path}`, { method });
    count += 1;
    const all = await events(count);
    t.equal(all.length, count, `${method} ${path}: one event`);
    t.match(all.at(-1), { ...AT_LOGIN, ...expected }, `${method} ${path}`);
  }
  scene.registry.intercept = undefined;
  const url = await dataUrl(scene);
  scene.storage.fault = { kind: 'redirect', location: elsewhere };
  t.equal((await scene.send(url)).status, 502);
  const all = await events(count + 1);
  t.equal(all.length, count + 1);
  t.match(all.at(-1), {
    reason: 'redirect_location',
    door: 'data_endpoint',
    repository: REPOSITORY,
    digest: scene.digest,
  });
  t.notMatch(
    readFileSync(scene.berth.config.audit.file ?? '', 'utf8'),
    /attacker|sig=|u:p/,
    'not where it led',
  );
});

/** The data-endpoint URL of the blob, by a plain listener. */
async function dataUrl(scene: Scene): Promise<string> {
  const { headers } = await scene.send(`${LOGIN}${scene.blobPath}`);
  return (headers.location ?? '').replace('https:', 'http:');
}

t.test('U1 an address that is refused when connecting is an event', async (t) => {
  let storage = '127.0.0.1';
  const lookup = createLookup((name) => (name.endsWith('.core.windows.net') ? storage : '127.0.0.1'));
  const { scene, events } = await openAudited(t, { lookup });
  const url = await dataUrl(scene);
  for (const address of ['10.0.0.1', '169.254.169.254', '::ffff:10.0.0.1', 'fd00::1']) {
    storage = address;
    t.equal((await scene.send(url)).status, 502, address);
  }
  const all = await events(4);
  t.equal(all.length, 4);
  for (const event of all) {
    t.match(event, {
      ...COMMON,
      reason: 'address',
      detail: 'storage',
      door: 'data_endpoint',
      digest: scene.digest,
    });
  }
});

t.test(
  'U1 A5 what the policy for clients refuses is an event, with who it was where that is known',
  async (t) => {
    const { hashSync } = await import('bcryptjs');
    const dir = t.testdir({ credentials: 'berth:own-password\n' });
    writeFileSync(join(dir, 'htpasswd'), `ci:${hashSync('ci-password', 4)}\n`);
    const user = { name: 'berth', password: 'own-password', repositories: ['*'] };
    const clients = { anonymous: true, htpasswdFile: join(dir, 'htpasswd'), mtls: false, networks: [] };
    const { scene, file, events } = await openAudited(
      t,
      {
        auth: { kind: 'bearer', users: [user], publicRepositories: [] },
        upstream: { auth: { kind: 'file', file: join(dir, 'credentials') } },
        registry: { clients, rules: { repositories: [{ action: 'deny', pattern: 'secret/**' }] } },
      },
      dir,
    );
    const wrong = { authorization: basic('ci', 'wrong-password') };
    t.equal((await scene.send(`${LOGIN}/v2/`, { headers: wrong })).status, 401);
    t.equal((await scene.send(`${LOGIN}${UPLOADS}`, { method: 'POST' })).status, 401);
    const right = { authorization: basic('ci', 'ci-password') };
    t.equal((await scene.send(`${LOGIN}/v2/secret/x/tags/list`, { headers: right })).status, 403);
    const all = await events(3);
    t.match(all, [
      { ...AT_LOGIN, reason: 'client_policy', detail: 'wrong_credentials' },
      { ...AT_LOGIN, reason: 'client_policy', detail: 'anonymous_write', principal: 'anonymous' },
      { ...AT_LOGIN, reason: 'repository_rule', principal: 'user:ci' },
    ]);
    t.equal(all.length, 3);
    t.notMatch(readFileSync(file, 'utf8'), /password|Basic/);
  },
);

t.test('U2 the file is appended to, is 0640, and is opened anew when it is asked for', async (t) => {
  const file = join(t.testdir({ 'audit.jsonl': '{"reason":"before"}\n' }), 'new.jsonl');
  const { scene } = await openAudited(t, { config: { audit: { file } } });
  t.equal(statSync(file).mode & 0o777 & ~0o640, 0, 'nobody else may read it');
  const ask = (id: string) => scene.send(`${LOGIN}/v2/`, { method: 'POST', headers: { 'x-request-id': id } });
  await ask('one');
  await readEvents(file, 1);
  renameSync(file, `${file}.1`);
  await ask('two');
  await readEvents(`${file}.1`, 2);
  await scene.berth.app.reopenAuditLog();
  await ask('three');
  t.match(await readEvents(file, 1), [{ requestId: 'three' }]);
  t.match(await readEvents(`${file}.1`, 2), [{ requestId: 'one' }, { requestId: 'two' }]);
  const again = await openScene(t, { config: { listeners: [LISTENER], audit: { file } } });
  await again.send(`${LOGIN}/v2/`, { method: 'POST' });
  t.equal((await readEvents(file, 2)).length, 2, 'another start goes on where it ends');
});

t.test('U2 without a file, refusals are lines of the log', async (t) => {
  const scene = await openScene(t);
  const refused = await scene.send('/v2/', { method: 'POST' });
  const lines = scene.berth.log.filter((line) => 'audit' in line);
  t.match(lines, [
    { ...AT_LOGIN, level: 'warn', audit: 'method', requestId: errorOf(refused).detail.requestId },
  ]);
  t.equal(lines.length, 1);
});

t.test('U2 a file that can not be opened refuses the start', async (t) => {
  const file = join(t.testdir({}), 'missing', 'audit.jsonl');
  await t.rejects(openScene(t, { config: { listeners: [LISTENER], audit: { file } } }), {
    code: 'invalid_audit_file',
    message: /audit\.file .*missing.* \(ENOENT\); its folder must exist/,
  });
});

t.test('U3 a full disk stops no request: the event is in the log, and counted', async (t) => {
  const scene = await openScene(t, { config: { audit: { file: '/dev/full' } } });
  for (let i = 0; i < 3; i += 1) t.equal((await scene.send('/v2/', { method: 'POST' })).status, 405);
  t.equal((await scene.send('/v2/')).status, 200, 'and what is allowed is served');
  const deadline = Date.now() + 5000;
  const lost = () => scene.berth.log.filter((line) => line['audit'] === 'method').length;
  while (lost() < 3 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  t.equal(lost(), 3);
  t.equal(await scene.berth.metric('berth_audit_write_failures_total'), 3);
  t.equal(await scene.berth.metric('berth_audit_events_total', { reason: 'method' }), 3);
  const said = scene.berth.log.filter((line) => String(line['msg']).startsWith('audit.file'));
  t.match(said, [{ level: 'error', code: 'ENOSPC', file: '/dev/full' }]);
  t.equal(said.length, 1, 'said once');
});
