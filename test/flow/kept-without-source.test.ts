import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { until } from '../support/until.ts';
import { basic, bearerOf, USERS } from './callers.ts';
import { openScene, type Scene, type SceneOptions } from './scene.ts';

const PRIVATE = { kind: 'bearer', users: USERS, publicRepositories: [] } as const;
const ASKED = { authorizationTtlSeconds: 0, publicProbe: false, staleIfErrorSeconds: 600 };

function openCached(t: Test, options: SceneOptions = {}): Promise<Scene> {
  const cache = { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory: join(t.testdir({}), 'cache') };
  return openScene(t, { ...options, config: { cache } });
}

async function keep(scene: Scene, url: string, headers: Record<string, string> = {}): Promise<void> {
  await scene.send(url, { headers });
  const kept = () => scene.berth.metric('berth_cache_entries', { state: 'published' });
  await until(async () => (await kept()) > 0, 'the blob is kept');
}

t.test('K6 a kept blob needs no credentials of our own, and no link', async (t) => {
  const directory = t.testdir({ credentials: 'berth:own:secret\n' });
  const file = join(directory, 'credentials');
  await chmod(file, 0o600);
  const own = { name: 'berth', password: 'own:secret', repositories: ['*'] };
  for (const delivery of ['dedicated', 'inline'] as const) {
    const cache = { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory: join(directory, delivery) };
    const scene = await openScene(t, {
      auth: { ...PRIVATE, users: [own], expiresInSeconds: 1 },
      blobs: { kind: 'serve', ranges: 'all' },
      registry: { delivery, clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] } },
      upstream: { auth: { kind: 'file', file } },
      config: { cache },
    });
    const url = delivery === 'inline' ? scene.blobPath : await scene.ticketUrl();
    await keep(scene, url);
    scene.registry.requests.length = 0;
    scene.registry.intercept = ({ request }) => {
      request.socket.destroy();
      return true;
    };
    for (const request of [
      {},
      { headers: { range: 'bytes=5-9' } },
      { headers: { range: 'bytes=5-9,20-29' } },
    ]) {
      const got = await scene.send(url, request);
      t.equal(got.ended, 'complete');
      t.ok(got.status < 300, `${delivery}: ${got.status}`);
    }
    t.ok((await scene.send(url)).body.equals(scene.blob));
    t.equal((await scene.send(url, { method: 'HEAD' })).status, 200);
    t.equal(scene.registry.requests.length, 0, 'nobody was asked');
    scene.registry.intercept = undefined;
  }
  await rm(file);
});

t.test('C13 a kept blob stands in for an upstream that can not be asked', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openCached(t, { auth: PRIVATE, registry: { ...ASKED, delivery } });
    const headers = { authorization: await bearerOf(scene, { authorization: basic('ana') }) };
    const stranger = { authorization: await bearerOf(scene, { authorization: basic('bob') }) };
    await keep(scene, delivery === 'inline' ? scene.blobPath : await scene.ticketUrl(headers), headers);
    t.equal((await scene.send(scene.blobPath, { headers: stranger })).status, 401);
    for (const how of [429, 503, 'reset'] as const) {
      scene.registry.intercept = ({ request, response }, endpoint) => {
        if (endpoint !== 'blob') return false;
        if (how === 'reset') request.socket.destroy();
        else response.writeHead(how, { 'content-length': 0 }).end();
        return true;
      };
      for (const method of ['GET', 'HEAD']) {
        const got = await scene.send(scene.blobPath, { method, headers });
        t.equal(got.status, 200, `${delivery} ${how} ${method}`);
        t.match(got.headers.age, /^\d+$/);
        t.match(got.headers['warning'], /^299 - "The upstream registry does not answer/);
        t.equal(got.headers['docker-content-digest'], scene.digest);
        if (method === 'GET') t.ok(got.body.equals(scene.blob));
      }
      const range = await scene.send(scene.blobPath, { headers: { ...headers, range: 'bytes=5-9' } });
      t.equal(range.status, 206);
      const refused = await scene.send(scene.blobPath, { headers: stranger });
      t.ok(refused.status >= 400, 'who was not let in before is not now');
    }
    t.ok((await scene.berth.metric('berth_authorization_decisions_total', { result: 'stale' })) > 0);
    scene.registry.intercept = undefined;
  }
});

t.test(
  'C13 not without staleIfErrorSeconds, not instead of a refusal, and not for what is not kept',
  async (t) => {
    const broken = (scene: Scene, status: number): void => {
      scene.registry.intercept = ({ response }, endpoint) => {
        if (endpoint !== 'blob') return false;
        response.writeHead(status, { 'content-length': 0 }).end();
        return true;
      };
    };
    const off = await openCached(t, { registry: { ...ASKED, staleIfErrorSeconds: 0 } });
    await keep(off, await off.ticketUrl());
    broken(off, 503);
    t.equal((await off.send(off.blobPath)).status, 503);

    const scene = await openCached(t, { registry: ASKED });
    const url = await scene.ticketUrl();
    broken(scene, 503);
    t.equal((await scene.send(scene.blobPath)).status, 503, 'allowed, but not kept');
    await keep(scene, url);
    for (const status of [401, 403, 404]) {
      broken(scene, status);
      t.equal((await scene.send(scene.blobPath)).status, status);
    }
    broken(scene, 503);
    t.equal((await scene.send(scene.blobPath)).status, 503, 'and a refusal has ended what was allowed');
  },
);
