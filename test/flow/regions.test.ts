import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startBerth } from '../support/berth.ts';
import { answerError } from '../support/fixture-exchange.ts';
import type { SeenRequest } from '../support/fixture-registry.ts';
import { MANIFEST_TYPE } from '../support/image.ts';
import { basic, USERS } from './callers.ts';
import {
  answerAll,
  cutOff,
  HERE,
  hostOf,
  manifestOf,
  openRegions,
  putManifest,
  REPOSITORY,
} from './regions-scene.ts';

const EAST = 'contoso.eastus.data.registry.example';
const WEST = 'contoso.westus.data.registry.example';
const manifestPath = (reference: string) => `/v2/${REPOSITORY}/manifests/${reference}`;
const accept = { accept: MANIFEST_TYPE };

t.test('X1 X5 a client in a region is served from there, others from home', async (t) => {
  for (const [westClients, first, other, host] of [
    [[HERE], 'west', 'home', WEST],
    [[], 'home', 'west', EAST],
    [['192.0.2.0/24'], 'home', 'west', EAST],
  ] as const) {
    const scene = await openRegions(t, { westClients });
    putManifest('same', 'latest', scene.home, scene.west);
    t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 200);
    const redirect = await scene.send(scene.blobPath);
    t.equal(redirect.status, 307);
    t.equal(hostOf(redirect), host, 'the region that the location names');
    t.ok((await scene.send(redirect.headers.location ?? '')).body.equals(scene.blob));
    t.ok(scene[first].registry.count('manifest') > 0);
    t.equal(scene[first].registry.count('blob'), 1);
    t.equal(scene[other].registry.requests.length, 0, `${other} is not asked`);
    await scene.send(`/v2/${REPOSITORY}/tags/list`);
    t.equal(scene.home.registry.count('tags'), 1, 'lists are of home');
  }
});

t.test('X5 what no match names: the client decides, else home', async (t) => {
  for (const [westClients, host] of [
    [[HERE], WEST],
    [[], EAST],
  ] as const) {
    const scene = await openRegions(t, { westClients });
    for (const { registry } of [scene.home, scene.west]) registry.blobs = { kind: 'serve', ranges: 'all' };
    const redirect = await scene.send(scene.blobPath);
    t.equal(hostOf(redirect), host);
    t.ok((await scene.send(redirect.headers.location ?? '')).body.equals(scene.blob));
  }
});

t.test('X2 a region that fails is left for the next, for whatever is read', async (t) => {
  const rows = [
    ['503', (region: Parameters<typeof answerAll>[0]) => answerAll(region, 503)],
    ['500', (region: Parameters<typeof answerAll>[0]) => answerAll(region, 500)],
    ['cut off', cutOff],
  ] as const;
  for (const [name, fail] of rows) {
    const scene = await openRegions(t);
    putManifest('same', 'latest', scene.home, scene.west);
    fail(scene.home);
    t.equal((await scene.send('/v2/')).status, 200, name);
    t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 200, name);
    t.equal((await scene.send(`/v2/${REPOSITORY}/tags/list`)).status, 200, name);
    const redirect = await scene.send(scene.blobPath);
    t.equal(hostOf(redirect), WEST, name);
    t.ok((await scene.send(redirect.headers.location ?? '')).body.equals(scene.blob), name);
    t.ok((await scene.failovers('eastus', 'outage')) > 0, name);
    const upload = await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' });
    t.ok(upload.status >= 500, `${name}: what is written is not`);
    t.equal(scene.west.registry.count('upload'), 0, name);
  }
});

t.test('X2 a 429 is not got around, and both regions down is an outage', async (t) => {
  const scene = await openRegions(t);
  putManifest('same', 'latest', scene.home, scene.west);
  answerAll(scene.home, 429, ['manifest']);
  t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 429);
  t.equal(scene.west.registry.count('manifest'), 0);
  cutOff(scene.home);
  answerAll(scene.west, 503);
  for (const path of [manifestPath('latest'), scene.blobPath, '/v2/']) {
    t.ok([502, 503].includes((await scene.send(path, { headers: accept })).status), path);
  }
});

t.test('X2 logins go to the next region as well', async (t) => {
  const scene = await openRegions(t, {
    auth: { kind: 'bearer', users: USERS, publicRepositories: ['*'] },
  });
  cutOff(scene.home);
  const challenge = await scene.send('/v2/');
  t.equal(challenge.status, 401);
  t.match(
    challenge.headers['www-authenticate'],
    /realm="https:\/\/contoso\.registry\.example\/oauth2\/token"/,
  );
  const token = await scene.send(
    `/oauth2/token?service=${scene.west.registry.host}&scope=repository:${REPOSITORY}:pull`,
  );
  t.equal(token.status, 200);
  t.equal(scene.west.registry.count('token'), 1);
});

t.test('X3 a 404 is for home to say, and an outage is never one', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE] });
  const only = putManifest('only at home', 'new', scene.home);
  const got = await scene.send(manifestPath('new'), { headers: accept });
  t.equal(got.status, 200, 'behind in the west');
  t.equal(got.headers['docker-content-digest'], only);
  t.ok((await scene.failovers('westus', 'not_found')) > 0);
  scene.west.registry.store.deleteBlob(REPOSITORY, scene.digest);
  t.equal(hostOf(await scene.send(scene.blobPath)), EAST, 'a blob as well');

  t.equal((await scene.send(manifestPath('nowhere'), { headers: accept })).status, 404);
  cutOff(scene.home);
  for (const path of [manifestPath('nowhere'), `/v2/${REPOSITORY}/blobs/sha256:${'0'.repeat(64)}`]) {
    t.equal((await scene.send(path, { headers: accept })).status, 502, path);
  }
});

t.test('X3 a plain 404 from home stays one, whatever others have', async (t) => {
  const scene = await openRegions(t);
  putManifest('only in the west', 'stray', scene.west);
  t.equal((await scene.send(manifestPath('stray'), { headers: accept })).status, 404);
  t.equal(scene.west.registry.requests.length, 0);
});

t.test('X4 after a push home is asked first, and a 404 is asked for in the next', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE] });
  putManifest('old', 'latest', scene.home, scene.west);
  const before = await scene.send(manifestPath('latest'), { headers: accept });
  t.equal(before.body.toString(), manifestOf('old').toString());
  t.ok(scene.west.registry.count('manifest') > 0);
  const pushed = await scene.send(manifestPath('latest'), {
    method: 'PUT',
    headers: { 'content-type': MANIFEST_TYPE },
    body: manifestOf('new'),
  });
  t.equal(pushed.status, 201);
  const after = await scene.send(manifestPath('latest'), { headers: accept });
  t.equal(after.body.toString(), manifestOf('new').toString(), 'not what the west still has');
  putManifest('replica of home that lags', 'lagging', scene.west);
  t.equal((await scene.send(manifestPath('lagging'), { headers: accept })).status, 200);
  t.ok((await scene.failovers('eastus', 'not_found')) > 0);

  const gone = after.headers['docker-content-digest'];
  t.equal((await scene.send(manifestPath(String(gone)), { method: 'DELETE' })).status, 202);
  t.equal((await scene.send(manifestPath('lagging'), { headers: accept })).status, 404, 'after a delete');
});

t.test('X4 a push that a gateway before home has given up may have been carried out', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE], registry: { authorizationTtlSeconds: 0 } });
  putManifest('old', 'latest', scene.home, scene.west);
  scene.home.registry.intercept = (exchange) => {
    if (exchange.request.method !== 'PUT') return false;
    putManifest('new', 'latest', scene.home);
    answerError(exchange, 504, 'UNKNOWN');
    return true;
  };
  const put = { method: 'PUT', headers: { 'content-type': MANIFEST_TYPE }, body: manifestOf('new') };
  t.equal((await scene.send(manifestPath('latest'), put)).status, 504);
  const after = await scene.send(manifestPath('latest'), { headers: accept });
  t.equal(after.body.toString(), manifestOf('new').toString());
});

t.test('X4 for no longer than replicationSeconds', async (t) => {
  const scene = await openRegions(t, { registry: { replicationSeconds: 0 } });
  putManifest('only in the west', 'stray', scene.west);
  const put = { method: 'PUT', headers: { 'content-type': MANIFEST_TYPE }, body: manifestOf('new') };
  t.equal((await scene.send(manifestPath('latest'), put)).status, 201);
  t.equal((await scene.send(manifestPath('stray'), { headers: accept })).status, 404);
});

t.test(
  'X8 an instance answers the data endpoints of its regions, and gives out tickets for all',
  async (t) => {
    const scene = await openRegions(t, { westClients: [HERE], registry: { serveRegions: ['eastus'] } });
    const redirect = await scene.send(scene.blobPath);
    const url = redirect.headers.location ?? '';
    t.equal(hostOf(redirect), WEST);
    const here = await scene.send('https://contoso.registry.example/', {
      headers: { host: WEST },
      target: `/${new URL(url).search}`,
    });
    t.equal(here.status, 421, 'not this one');
    const [registry] = scene.berth.config.registries;
    if (registry === undefined) throw new Error('no registry');
    const other = await startBerth({
      authority: scene.authority,
      registries: [{ ...registry, serveRegions: ['westus'] }],
      ticketKeys: scene.berth.ticketKeys,
    });
    t.teardown(() => other.close());
    t.ok((await other.client.send(url)).body.equals(scene.blob), 'but whoever serves that region');
    const astray = await scene.send(`https://${EAST}/`, { target: `/${new URL(url).search}` });
    t.equal(astray.status, 403, 'nor is a ticket of one region any good at the endpoint of another');
    t.equal(await scene.berth.metric('berth_ticket_verifications_total', { result: 'wrong_host' }), 1);
    // One that serves a region knows the others all the same.
    scene.west.storage.fault = { kind: 'cutAfter', bytes: 100_000, how: 'reset' };
    const before = scene.home.storage.requests.length;
    const got = await other.client.send(url);
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(scene.blob));
    t.ok(scene.home.storage.requests.length > before, 'the rest comes from where it is not served');
  },
);

t.test('X10 the credentials of the caller go to every region', async (t) => {
  const scene = await openRegions(t, {
    westClients: [HERE],
    auth: { kind: 'basic', users: USERS, publicRepositories: [] },
  });
  putManifest('secret', 'latest', scene.home, scene.west);
  const authorization = basic('ana');
  const got = await scene.send(manifestPath('latest'), { headers: { ...accept, authorization } });
  t.equal(got.status, 200);
  t.equal(scene.west.registry.requests.at(-1)?.headers.authorization, authorization);
  t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 401);
});

t.test('X10 with own credentials, those of the region, and never those of the caller', async (t) => {
  const directory = t.testdir({});
  const files = { east: join(directory, 'east'), west: join(directory, 'west') };
  await writeFile(files.east, 'ana:ana-password\n');
  await writeFile(files.west, 'zoe:zoe-password\n');
  for (const file of Object.values(files)) await chmod(file, 0o600);
  const zoe = { name: 'zoe', password: 'zoe-password', repositories: [REPOSITORY] };
  const scene = await openRegions(t, {
    auth: { kind: 'basic', users: [...USERS, zoe], publicRepositories: [] },
    westClients: [HERE],
    upstream: { auth: { kind: 'file', file: files.east } },
    westAuth: { kind: 'file', file: files.west },
    registry: { clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] } },
  });
  putManifest('secret', 'latest', scene.home, scene.west);
  const headers = { ...accept, authorization: 'Bearer of-the-client' };
  t.equal((await scene.send(manifestPath('latest'), { headers })).status, 200);
  const seen = (requests: readonly SeenRequest[]) =>
    new Set(
      requests.flatMap(({ endpoint, headers: { authorization } }) =>
        endpoint === 'ping' ? [] : [authorization],
      ),
    );
  t.same(seen(scene.west.registry.requests), new Set([basic('zoe')]));
  cutOff(scene.west);
  await scene.send(manifestPath('latest'), { headers });
  t.same(seen(scene.home.registry.requests), new Set([basic('ana')]));
});
