import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { digestOf, INDEX_TYPE, MANIFEST_TYPE } from '../support/image.ts';
import { basic, bearerOf, USERS } from './callers.ts';
import { accessLine, errorOf, openScene, REPOSITORY, type Scene, stableHeaders } from './scene.ts';

const byTag = `/v2/${REPOSITORY}/manifests/latest`;
const byDigest = ({ manifestDigest }: Scene) => `/v2/${REPOSITORY}/manifests/${manifestDigest}`;

/** Methods of the manifest requests that reached the registry since the last call. */
function asked({ registry }: Scene): string[] {
  const methods = registry.requests
    .filter(({ endpoint }) => endpoint === 'manifest')
    .map(({ method }) => method);
  registry.requests.length = 0;
  return methods;
}

t.test('C1 by digest: from memory while the upstream has allowed it, else asked by HEAD first', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const headers = { authorization: 'Bearer a' };
  t.same((await scene.send(byDigest(scene), { headers })).body, scene.manifest);
  t.strictSame(asked(scene), ['GET'], 'nothing is known: one GET decides and brings it');
  for (const method of ['GET', 'HEAD', 'GET']) {
    t.equal((await scene.send(byDigest(scene), { method, headers })).status, 200);
  }
  t.strictSame(asked(scene), [], 'decided and in memory');
  const other = await scene.send(byDigest(scene), { headers: { authorization: 'Bearer b' } });
  t.same(other.body, scene.manifest);
  t.strictSame(asked(scene), ['HEAD'], 'other credentials: the upstream decides, the copy is served');
  t.match(await accessLine(scene, ({ cache }) => cache === 'hit'), { route: 'manifest', status: 200 });
});

t.test('C1 without decisions every request is decided by the upstream', async (t) => {
  const scene = await openScene(t, { registry: { authorizationTtlSeconds: 0, publicProbe: false } });
  for (let i = 0; i < 3; i += 1) t.equal((await scene.send(byDigest(scene))).status, 200);
  t.strictSame(asked(scene), ['GET', 'HEAD', 'HEAD']);
});

t.test('C1 two users and a private image: nothing kept reaches the wrong one', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, publicRepositories: [] } });
  const ana = { authorization: await bearerOf(scene, { authorization: basic('ana') }) };
  const bob = { authorization: await bearerOf(scene, { authorization: basic('bob') }) };
  const nobody = { authorization: await bearerOf(scene) };
  // Twice, so that the second round meets everything that the first one left behind.
  for (const round of [1, 2]) {
    for (const path of [byTag, byDigest(scene)]) {
      for (const method of ['GET', 'HEAD']) {
        const allowed = await scene.send(path, { method, headers: ana });
        t.equal(allowed.status, 200, `${round}: ana ${method} ${path}`);
        for (const headers of [bob, nobody, {}]) {
          const refused = await scene.send(path, { method, headers });
          t.equal(refused.status, 401, `${round}: another ${method} ${path}`);
          t.match(refused.headers['www-authenticate'], /realm="https:\/\/contoso\.registry\.example/);
          t.notOk(refused.body.includes(scene.digest), 'nothing of the manifest');
          t.equal(refused.headers.etag, undefined);
        }
      }
    }
    t.equal((await scene.send(scene.blobPath, { headers: ana })).status, 307, `${round}: ana, blob`);
    for (const headers of [bob, nobody, {}]) {
      for (const method of ['GET', 'HEAD']) {
        const refused = await scene.send(scene.blobPath, { method, headers });
        t.equal(refused.status, 401, `${round}: another ${method}, blob`);
        t.equal(refused.headers.location, undefined);
      }
    }
  }
});

t.test('C1 a decision is about one repository: the same digest elsewhere is asked anew', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, publicRepositories: [] } });
  scene.registry.store.putManifest('bob/app', 'latest', MANIFEST_TYPE, scene.manifest);
  const scope = `repository:${REPOSITORY}:pull repository:bob/app:pull`;
  const ana = { authorization: await bearerOf(scene, { authorization: basic('ana'), scope }) };
  t.equal((await scene.send(byDigest(scene), { headers: ana })).status, 200);
  const elsewhere = `/v2/bob/app/manifests/${scene.manifestDigest}`;
  t.equal((await scene.send(elsewhere, { headers: ana })).status, 401);
});

t.test('C1 the media type is the one that the upstream says of this repository', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  t.equal((await scene.send(byDigest(scene))).headers['content-type'], MANIFEST_TYPE);
  scene.registry.store.putManifest('bob/app', 'latest', INDEX_TYPE, scene.manifest);
  const other = await scene.send(`/v2/bob/app/manifests/${scene.manifestDigest}`);
  t.equal(other.headers['content-type'], INDEX_TYPE);
  t.same(other.body, scene.manifest);
});

t.test('C1 only what a manifest depends on goes upstream, never a credential of another kind', async (t) => {
  const scene = await openScene(t);
  const headers = {
    authorization: 'Bearer a',
    accept: MANIFEST_TYPE,
    'x-jfrog-art-api': 'key-of-ana',
    'private-token': 'token-of-ana',
    'accept-encoding': 'gzip',
    'user-agent': 'client/1',
  };
  for (const path of [byTag, byDigest(scene)]) {
    t.equal((await scene.send(path, { headers })).status, 200);
  }
  t.not(scene.registry.count('manifest'), 0);
  for (const seen of scene.registry.requests.filter(({ endpoint }) => endpoint === 'manifest')) {
    t.notMatch(JSON.stringify(seen.headers), /of-ana/, 'what one user sends decides for that user alone');
    t.match(seen.headers, { accept: MANIFEST_TYPE, 'accept-encoding': 'identity', 'user-agent': 'client/1' });
  }
});

t.test('C2 by tag: HEAD every time; the content may come from memory', async (t) => {
  const scene = await openScene(t);
  t.same((await scene.send(byTag)).body, scene.manifest);
  t.strictSame(asked(scene), ['HEAD', 'GET']);
  t.same((await scene.send(byTag)).body, scene.manifest);
  t.equal((await scene.send(byTag, { method: 'HEAD' })).status, 200);
  t.strictSame(asked(scene), ['HEAD', 'HEAD']);
  const moved = Buffer.from(scene.manifest.toString().replace('"layers":[]', '"layers":[ ]'));
  const digest = scene.registry.store.putManifest(REPOSITORY, 'latest', MANIFEST_TYPE, moved);
  const got = await scene.send(byTag);
  t.same(got.body, moved, 'a tag that moved is noticed at once');
  t.equal(got.headers['docker-content-digest'], digest);
});

t.test('C2 an upstream without HEAD, or whose HEAD says too little, is asked by GET', async (t) => {
  for (const how of ['405', '501', 'noDigest', 'noLength']) {
    const scene = await openScene(t);
    scene.registry.intercept = ({ method, response }, endpoint) => {
      if (endpoint !== 'manifest' || method !== 'HEAD') return false;
      if (how === 'noDigest') response.writeHead(200, { 'content-length': scene.manifest.length });
      else if (how === 'noLength') {
        response.writeHead(200, { 'docker-content-digest': scene.manifestDigest, connection: 'close' });
      } else response.writeHead(Number(how), { 'content-length': 0 });
      response.end();
      return true;
    };
    for (const path of [byTag, byDigest(scene)]) {
      for (const method of ['HEAD', 'GET']) {
        const got = await scene.send(path, { method });
        t.equal(got.status, 200, `${how}: ${method} ${path}`);
        t.equal(got.headers['docker-content-digest'], scene.manifestDigest);
        t.equal(got.headers['content-length'], String(scene.manifest.length));
        t.equal(got.headers['content-type'], MANIFEST_TYPE);
      }
    }
  }
});

t.test('C3 another digest than asked for or stated is 502, and nothing is kept', async (t) => {
  const scene = await openScene(t);
  let lying = true;
  const wrong = Buffer.from('{"schemaVersion":2,"layers":["wrong"]}');
  scene.registry.intercept = ({ method, response }, endpoint) => {
    if (endpoint !== 'manifest' || method !== 'GET' || !lying) return false;
    response.writeHead(200, {
      'content-type': MANIFEST_TYPE,
      'content-length': wrong.length,
      'docker-content-digest': scene.manifestDigest,
    });
    response.end(wrong);
    return true;
  };
  for (const path of [byTag, byDigest(scene)]) {
    const refused = await scene.send(path);
    t.equal(refused.status, 502, path);
    t.equal(errorOf(refused).code, 'BLOB_UPLOAD_INVALID');
  }
  t.ok((await scene.berth.metric('berth_blob_digest_mismatches_total', { stage: 'manifest' })) >= 2);
  t.equal(await scene.berth.metric('berth_manifest_cache_size_bytes'), 0);
  lying = false;
  for (const path of [byTag, byDigest(scene)]) t.same((await scene.send(path)).body, scene.manifest);
});

t.test('C3 sha512, and a tag whose digest the upstream does not state', async (t) => {
  const scene = await openScene(t);
  const digest = digestOf(scene.manifest, 'sha512');
  scene.registry.store.putManifest(REPOSITORY, digest, MANIFEST_TYPE, scene.manifest);
  const got = await scene.send(`/v2/${REPOSITORY}/manifests/${digest}`);
  t.equal(got.status, 200);
  t.equal(got.headers['docker-content-digest'], digest);

  scene.registry.intercept = ({ method, response }, endpoint) => {
    if (endpoint !== 'manifest') return false;
    const { length } = scene.manifest;
    response.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': length });
    response.end(method === 'HEAD' ? undefined : scene.manifest);
    return true;
  };
  for (const method of ['GET', 'HEAD']) {
    const unstated = await scene.send(byTag, { method });
    t.equal(unstated.headers['docker-content-digest'], scene.manifestDigest, method);
  }
});

t.test('C3 4 MiB and not a byte more', async (t) => {
  const scene = await openScene(t);
  const limit = 4 * 1024 * 1024;
  for (const [length, status] of [
    [limit, 200],
    [limit + 1, 502],
  ] as const) {
    const large = Buffer.from(JSON.stringify({ annotations: '' }).padEnd(length));
    const digest = scene.registry.store.putManifest(REPOSITORY, `large-${length}`, MANIFEST_TYPE, large);
    for (const reference of [`large-${length}`, digest]) {
      const got = await scene.send(`/v2/${REPOSITORY}/manifests/${reference}`);
      t.equal(got.status, status, `${length}`);
      if (status === 200) t.ok(got.body.equals(large));
      else t.match(errorOf(got).message, /more than the registry proxy accepts/);
    }
  }
});

t.test('C3 what is too large to be kept is fetched once each time, not twice', async (t) => {
  const scene = await openScene(t, { config: { cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 0 } } });
  for (const path of [byTag, byDigest(scene)]) {
    asked(scene);
    t.same((await scene.send(path)).body, scene.manifest);
    t.equal(asked(scene).filter((method) => method === 'GET').length, 1, path);
  }
});

t.test('C4 GET and HEAD have the same fields, by tag and by digest, fetched and kept', async (t) => {
  const rows = [
    [byTag, 'GET'],
    [byTag, 'HEAD'],
    ['digest', 'GET'],
    ['digest', 'HEAD'],
  ] as const;
  for (const first of rows) {
    const scene = await openScene(t);
    const expected = {
      'content-type': MANIFEST_TYPE,
      'content-length': String(scene.manifest.length),
      'docker-content-digest': scene.manifestDigest,
      etag: `"${scene.manifestDigest}"`,
      'docker-distribution-api-version': 'registry/2.0',
      connection: 'keep-alive',
      'keep-alive': 'timeout=75',
    };
    for (const [path, method] of [first, ...rows]) {
      const got = await scene.send(path === 'digest' ? byDigest(scene) : path, { method });
      t.strictSame(stableHeaders(got), expected, `${method} ${path} after ${first.join(' ')}`);
      t.equal(got.body.length, method === 'HEAD' ? 0 : scene.manifest.length);
    }
  }
});

t.test('C4 If-None-Match is answered here: 304 with the same ETag', async (t) => {
  const scene = await openScene(t);
  for (const path of [byTag, byDigest(scene)]) {
    for (const method of ['GET', 'HEAD']) {
      const headers = { 'if-none-match': `"other", "${scene.manifestDigest}"` };
      const unchanged = await scene.send(path, { method, headers });
      t.equal(unchanged.status, 304, `${method} ${path}`);
      t.equal(unchanged.headers.etag, `"${scene.manifestDigest}"`);
      t.equal(unchanged.body.length, 0);
    }
  }
});
