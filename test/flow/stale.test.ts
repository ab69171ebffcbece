import t from 'tap';
import { digestOf, MANIFEST_TYPE } from '../support/image.ts';
import { basic, bearerOf, jwtOf, setClock, USERS } from './callers.ts';
import { accessLine, errorOf, openScene, REPOSITORY, type Scene, type SceneOptions } from './scene.ts';

const byTag = `/v2/${REPOSITORY}/manifests/latest`;
const byDigest = ({ manifestDigest }: Scene) => `/v2/${REPOSITORY}/manifests/${manifestDigest}`;
const KEPT = { authorizationTtlSeconds: 0, publicProbe: false, staleIfErrorSeconds: 600 };
const open = (t: Parameters<typeof openScene>[0], registry: SceneOptions['registry'] = {}) =>
  openScene(t, { registry: { ...KEPT, ...registry } });

type Outage = number | 'reset' | 'cut';

/** From now on the registry answers every question for a manifest so; undefined: as it should. */
function breakRegistry(scene: Scene, how: Outage | undefined): void {
  scene.registry.requests.length = 0;
  scene.registry.intercept =
    how === undefined
      ? undefined
      : ({ request, response }, endpoint) => {
          if (endpoint !== 'manifest' && endpoint !== 'token') return false;
          if (how === 'reset') request.socket.resetAndDestroy();
          else if (how === 'cut') request.socket.end('HTTP/1.1 200 OK\r\ncontent-le');
          else {
            response.writeHead(how, { 'content-type': 'text/html', 'content-length': 6 });
            response.end('<html>');
          }
          return true;
        };
}

t.test('C10 a manifest in memory stands in for an upstream that can not be asked', async (t) => {
  const clock = setClock(t);
  const scene = await open(t);
  for (const path of [byTag, byDigest(scene)]) t.equal((await scene.send(path)).status, 200);
  for (const how of [429, 500, 502, 503, 504, 'reset', 'cut'] as const) {
    breakRegistry(scene, undefined);
    for (const path of [byTag, byDigest(scene)]) {
      const fresh = await scene.send(path);
      t.equal(fresh.status, 200);
      t.equal(fresh.headers.age, undefined);
      t.equal(fresh.headers['warning'], undefined);
    }
    clock.advance(30);
    breakRegistry(scene, how);
    for (const path of [byTag, byDigest(scene)]) {
      scene.registry.requests.length = 0;
      for (const method of ['GET', 'HEAD']) {
        const got = await scene.send(path, { method });
        t.equal(got.status, 200, `${how}: ${method} ${path}`);
        t.equal(got.headers['docker-content-digest'], scene.manifestDigest);
        t.equal(got.headers['content-type'], MANIFEST_TYPE);
        t.match(got.headers.age, /^3\d$/);
        t.match(
          got.headers['warning'],
          /^299 - "The upstream registry does not answer; .* 3\d seconds ago\."$/,
        );
        if (method === 'GET') {
          t.same(got.body, scene.manifest);
          t.ok(scene.registry.count('manifest') > 0, 'the upstream was asked first');
          scene.registry.requests.length = 0;
        }
      }
      t.equal(scene.registry.count('manifest'), 0, `${how}: not asked again at once`);
    }
    clock.advance(6);
    t.equal((await scene.send(byTag)).status, 200);
    t.ok(scene.registry.count('manifest') > 0, 'asked again after five seconds');
    clock.advance(6);
  }
  t.match(await accessLine(scene, ({ cache }) => cache === 'stale'), { route: 'manifest', status: 200 });
  t.equal(await scene.berth.metric('berth_manifest_cache_requests_total', { result: 'stale' }), 35);
  t.equal(await scene.berth.metric('berth_authorization_decisions_total', { result: 'stale' }), 35);
});

t.test('C10 an upstream that is not there any more, and one whose pause is not over', async (t) => {
  const clock = setClock(t);
  const scene = await open(t);
  t.equal((await scene.send(byTag)).status, 200);
  scene.registry.intercept = ({ response }) => {
    response.writeHead(429, { 'retry-after': '100', 'content-length': 0 });
    response.end();
    return true;
  };
  t.equal((await scene.send(byTag)).headers.age, '0');
  clock.advance(10);
  scene.registry.requests.length = 0;
  t.equal((await scene.send(byTag)).headers.age, '10');
  t.equal(scene.registry.requests.length, 0, 'it asked for silence');
  await scene.registry.close();
  clock.advance(100);
  t.equal((await scene.send(byTag)).headers.age, '110');
});

t.test('C10 not without staleIfErrorSeconds, and no longer than it says', async (t) => {
  const clock = setClock(t);
  for (const staleIfErrorSeconds of [0, 60]) {
    const scene = await open(t, { staleIfErrorSeconds });
    for (const path of [byTag, byDigest(scene)]) t.equal((await scene.send(path)).status, 200);
    clock.advance(59);
    breakRegistry(scene, 503);
    for (const path of [byTag, byDigest(scene)]) {
      t.equal((await scene.send(path)).status, staleIfErrorSeconds === 0 ? 503 : 200);
    }
    clock.advance(2);
    for (const path of [byTag, byDigest(scene)]) {
      const late = await scene.send(path);
      t.equal(late.status, 503, `${staleIfErrorSeconds}: ${path}`);
      t.equal(late.headers['warning'], undefined);
    }
  }
});

t.test('C10 never to other credentials, never past the end of the token', async (t) => {
  const clock = setClock(t);
  const scene = await open(t);
  const ana = { authorization: jwtOf('ana', clock.now() + 60_000) };
  for (const path of [byTag, byDigest(scene)])
    t.equal((await scene.send(path, { headers: ana })).status, 200);
  breakRegistry(scene, 'reset');
  const bob = { authorization: jwtOf('bob', clock.now() + 60_000) };
  for (const path of [byTag, byDigest(scene)]) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await scene.send(path, { method, headers: ana })).status, 200, `ana ${method} ${path}`);
      for (const headers of [bob, {}]) {
        const refused = await scene.send(path, { method, headers });
        t.equal(refused.status, 502, `another ${method} ${path}`);
        t.equal(refused.headers.etag, undefined);
        t.notOk(refused.body.includes(scene.digest));
      }
    }
  }
  clock.advance(61);
  for (const path of [byTag, byDigest(scene)]) {
    t.equal((await scene.send(path, { headers: ana })).status, 502, 'the token has expired');
  }
});

t.test('C10 what is public by digest is for everybody, what is private is not', async (t) => {
  const clock = setClock(t);
  for (const isPublic of [true, false]) {
    const scene = await openScene(t, {
      auth: { kind: 'bearer', users: USERS, publicRepositories: isPublic ? [REPOSITORY] : [] },
      registry: { staleIfErrorSeconds: 600 },
    });
    const ana = { authorization: await bearerOf(scene, { authorization: basic('ana') }) };
    const bob = { authorization: await bearerOf(scene, { authorization: basic('bob') }) };
    t.equal((await scene.send(byDigest(scene), { headers: ana })).status, 200);
    clock.advance(120);
    breakRegistry(scene, 503);
    const got = await scene.send(byDigest(scene), { headers: bob });
    t.equal(got.status, isPublic ? 200 : 503, `public: ${isPublic}`);
    t.equal(got.headers.age, isPublic ? '120' : undefined);
  }
});

t.test('C11 never instead of a 401, 403 or 404, which end what was allowed before', async (t) => {
  const clock = setClock(t);
  for (const status of [401, 403, 404] as const) {
    const scene = await open(t);
    for (const path of [byTag, byDigest(scene)]) {
      t.equal((await scene.send(path)).status, 200);
      breakRegistry(scene, status);
      t.equal((await scene.send(path)).status, status);
      clock.advance(10);
      breakRegistry(scene, 503);
      const after = await scene.send(path);
      t.equal(after.status, 503, `${status}, then an outage: ${path}`);
      t.equal(errorOf(after).code, 'BLOB_UPLOAD_INVALID');
      breakRegistry(scene, undefined);
      clock.advance(10);
    }
  }
});

t.test('C11 a 401 or 403 for one part of a repository ends the rest for that caller', async (t) => {
  const scene = await open(t);
  const send = (path: string, name: string) =>
    scene.send(path, { headers: { authorization: `Bearer ${name}` } });
  for (const name of ['a', 'b']) t.equal((await send(byTag, name)).status, 200);
  const elsewhere = `/v2/${REPOSITORY}/manifests/${digestOf(Buffer.from('other'))}`;
  breakRegistry(scene, 403);
  t.equal((await send(elsewhere, 'a')).status, 403);
  breakRegistry(scene, 503);
  t.equal((await send(byTag, 'a')).status, 503);
  t.equal((await send(byTag, 'b')).status, 200);
});

t.test('C11 a repository that became private is closed to those to whom it was public', async (t) => {
  const clock = setClock(t);
  const publicRepositories = [REPOSITORY];
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: USERS, publicRepositories },
    registry: { staleIfErrorSeconds: 600 },
  });
  const bob = { authorization: await bearerOf(scene, { authorization: basic('bob') }) };
  t.equal((await scene.send(byDigest(scene), { headers: bob })).status, 200);
  publicRepositories.length = 0;
  scene.registry.tokens?.revokeAll();
  clock.advance(120);
  const elsewhere = `/v2/${REPOSITORY}/manifests/${digestOf(Buffer.from('other'))}`;
  t.equal((await scene.send(elsewhere, { headers: bob })).status, 401);
  breakRegistry(scene, 503);
  for (const headers of [bob, { authorization: 'Bearer new' }, {}]) {
    t.equal((await scene.send(byDigest(scene), { headers })).status, 503);
  }
});

t.test('C11 a write through Berth ends it, and so does a tag that is known to have moved', async (t) => {
  for (const what of ['write', 'move'] as const) {
    const scene = await open(t);
    t.equal((await scene.send(byTag)).status, 200);
    if (what === 'write') {
      t.equal((await scene.send(byDigest(scene), { method: 'DELETE' })).status, 202);
      breakRegistry(scene, 503);
    } else {
      const moved = Buffer.from(scene.manifest.toString().replace('"layers":[]', '"layers":[ ]'));
      scene.registry.store.putManifest(REPOSITORY, 'latest', MANIFEST_TYPE, moved);
      scene.registry.intercept = ({ method, response }, endpoint) => {
        if (endpoint !== 'manifest' || method !== 'GET') return false;
        response.writeHead(429, { 'content-length': 0 });
        response.end();
        return true;
      };
    }
    t.equal((await scene.send(byTag)).status, what === 'write' ? 503 : 429, what);
  }
});

t.test(
  'C12 a page or an error document with 200 is no manifest, is not kept, and allows nothing',
  async (t) => {
    const pages: readonly (readonly [type: string, body: string])[] = [
      ['text/html; charset=utf-8', '<html>log in</html>'],
      ['Application/XHTML+xml', '<html/>'],
      ['application/json', '{"errors":[{"code":"DENIED"}]}'],
      ['application/json', '["schemaVersion"]'],
      [MANIFEST_TYPE, 'no json'],
    ];
    for (const [type, body] of pages) {
      const scene = await open(t);
      scene.registry.intercept = ({ method, response }, endpoint) => {
        if (endpoint !== 'manifest') return false;
        response.writeHead(200, { 'content-type': type, 'content-length': body.length });
        response.end(method === 'HEAD' ? undefined : body);
        return true;
      };
      for (const path of [byTag, byDigest(scene)]) {
        const got = await scene.send(path);
        t.equal(got.status, 502, `${type}: ${path}`);
        t.notOk(got.body.includes(body));
      }
      t.equal(await scene.berth.metric('berth_manifest_cache_size_bytes'), 0);
    }
  },
);

t.test('C12 a page with 200 does not allow the copy of somebody else', async (t) => {
  const scene = await open(t);
  t.equal((await scene.send(byDigest(scene), { headers: { authorization: 'Bearer a' } })).status, 200);
  breakRegistry(scene, 200);
  for (const method of ['GET', 'HEAD']) {
    const headers = { authorization: 'Bearer b' };
    const got = await scene.send(byDigest(scene), { method, headers });
    t.equal(got.status, 502);
    t.equal(got.headers.etag, undefined);
  }
});

t.test(
  'C10 a reload that turns it off counts at once, and so does one by which decisions begin anew',
  async (t) => {
    const changes = [
      { change: {}, status: 200 },
      { change: { staleIfErrorSeconds: 0 }, status: 503 },
      { change: { push: false }, status: 503 },
    ];
    for (const { change, status } of changes) {
      const scene = await open(t);
      const { app, config, ticketKeys } = scene.berth;
      t.equal((await scene.send(byTag)).status, 200);
      breakRegistry(scene, 503);
      t.equal((await scene.send(byTag)).status, 200);
      const registries = config.registries.map((registry) => ({ ...registry, ...change }));
      await app.reload({
        config: () => Promise.resolve({ ...config, registries }),
        ticketKeys: () => Promise.resolve(ticketKeys),
      });
      t.equal((await scene.send(byTag)).status, status, JSON.stringify(change));
    }
  },
);
