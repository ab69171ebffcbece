import t from 'tap';
import { digestOf, MANIFEST_TYPE, pseudoRandomBytes } from '../support/image.ts';
import { startUpload, type UploadStart } from './pushing.ts';
import { accessLine, errorOf, openScene, REPOSITORY, stableHeaders } from './scene.ts';

const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`;
const SEALED = /^\/v2\/team\/app\/blobs\/uploads\/[\w-]+$/;
const data = pseudoRandomBytes('push', 100_000);
const digest = digestOf(data);

t.test('P1 P2 P3 monolithic, by POST and PUT and by one POST', async (t) => {
  for (const uploadLocation of ['relative', 'absolute', 'elsewhere'] as const) {
    const scene = await openScene(t, { uploadLocation });
    const { location, answer } = await startUpload(scene);
    t.match(location, SEALED, uploadLocation);
    t.strictSame(stableHeaders(answer), {
      location,
      range: '0-0',
      'docker-upload-uuid': answer.headers['docker-upload-uuid'],
      'content-length': '0',
      'docker-distribution-api-version': 'registry/2.0',
      connection: 'keep-alive',
      'keep-alive': 'timeout=75',
    });
    const put = await scene.send(`${location}?digest=${digest}`, { method: 'PUT', body: data });
    t.equal(put.status, 201);
    t.equal(put.headers.location, `/v2/${REPOSITORY}/blobs/${digest}`);
    t.equal(put.headers['docker-content-digest'], digest);
    t.ok(scene.registry.store.blob(REPOSITORY, digest)?.equals(data), 'arrived whole');
    const target = scene.registry.requests.at(-1)?.target ?? '';
    t.match(target, /\?_state=[\w-]+%3D&digest=sha256:/, "the upstream's own query, then the client's");

    const at = `${UPLOADS}?digest=${digestOf(Buffer.from('one'))}`;
    const one = await scene.send(at, { method: 'POST', body: 'one' });
    t.equal(one.status, 201);
    t.equal(one.headers.location, `/v2/${REPOSITORY}/blobs/${digestOf(Buffer.from('one'))}`);
    t.equal(scene.registry.uploads.open, 0);
  }
});

t.test('P1 P2 P3 chunked: each location leads to the next, the state can be asked for', async (t) => {
  const scene = await openScene(t, { uploadLocation: 'elsewhere' });
  let { location } = await startUpload(scene);
  const first = location;
  for (let from = 0; from < data.length; from += 40_000) {
    const chunk = data.subarray(from, from + 40_000);
    const to = from + chunk.length - 1;
    const headers = { 'content-range': `${from}-${to}`, 'content-type': 'application/octet-stream' };
    const patch = await scene.send(location, { method: 'PATCH', headers, body: chunk });
    t.equal(patch.status, 202);
    t.equal(patch.headers.range, `0-${to}`);
    location = patch.headers.location ?? '';
    t.match(location, SEALED);
    const state = await scene.send(location);
    t.equal(state.status, 204);
    t.equal(state.headers.range, `0-${to}`);
    t.match(state.headers.location, SEALED);
  }
  const headers = { 'content-range': '5-9' };
  const wrong = await scene.send(location, { method: 'PATCH', headers, body: 'abcde' });
  t.equal(wrong.status, 416, 'a chunk out of order');
  t.equal(wrong.headers.range, `0-${data.length - 1}`, 'and where the upload stands');
  t.match(wrong.headers.location, SEALED);
  t.equal((await scene.send(first)).status, 204, 'an earlier location stays good');
  const put = await scene.send(`${location}?digest=${encodeURIComponent(digest)}`, { method: 'PUT' });
  t.equal(put.status, 201);
  t.ok(scene.registry.store.blob(REPOSITORY, digest)?.equals(data));
  t.equal(await scene.berth.metric('berth_uploads_total', { result: 'started' }), 1);
  t.equal(await scene.berth.metric('berth_uploads_total', { result: 'completed' }), 1);
});

t.test('P1 cancel, a wrong digest, manifests and deletes go through', async (t) => {
  const scene = await openScene(t);
  const cancelled = await startUpload(scene);
  t.equal((await scene.send(cancelled.location, { method: 'DELETE' })).status, 204);
  t.equal(scene.registry.uploads.open, 0);
  t.equal((await scene.send(cancelled.location)).status, 404, 'the upstream knows it no more');

  const { location } = await startUpload(scene);
  const wrong = await scene.send(`${location}?digest=${digest}`, { method: 'PUT', body: 'other' });
  t.equal(wrong.status, 400);
  t.equal(errorOf(wrong).code, 'DIGEST_INVALID', "the upstream's own document");

  const headers = { 'content-type': MANIFEST_TYPE };
  const manifest = JSON.stringify({ schemaVersion: 2, subject: { digest: scene.manifestDigest } });
  const path = `/v2/${REPOSITORY}/manifests/v1`;
  const put = await scene.send(path, { method: 'PUT', headers, body: manifest });
  t.equal(put.status, 201);
  const pushed = digestOf(Buffer.from(manifest));
  t.equal(put.headers.location, `/v2/${REPOSITORY}/manifests/${pushed}`);
  t.equal(put.headers['oci-subject'], scene.manifestDigest);
  t.equal((await scene.send(path)).body.toString(), manifest);
  for (const target of [path, `/v2/${REPOSITORY}/manifests/${pushed}`, scene.blobPath]) {
    t.equal((await scene.send(target, { method: 'DELETE' })).status, 202, target);
    t.equal((await scene.send(target)).status, 404, target);
  }
});

t.test('P1 a body is passed on as it comes, never buffered', async (t) => {
  const scene = await openScene(t);
  const chunk = Buffer.alloc(1024 * 1024);
  const limit = Promise.withResolvers<void>();
  let received = 0;
  scene.registry.intercept = async ({ request, response, method }) => {
    if (method !== 'PUT') return false;
    for await (const part of request) {
      received += Buffer.from(part).length;
      if (received > chunk.length) limit.resolve();
    }
    response.writeHead(201, { 'content-length': 0 });
    response.end();
    return true;
  };
  const { location } = await startUpload(scene);
  let sent = 0;
  const body = async function* () {
    for (let i = 0; i < 64; i += 1) {
      // The upstream has what came first while the client has not sent the end.
      if (i === 8) await limit.promise;
      sent += chunk.length;
      yield chunk;
    }
  };
  const put = await scene.send(`${location}?digest=${digest}`, { method: 'PUT', stream: body() });
  t.equal(put.status, 201);
  t.equal(received, sent, 'and all of it');
});

t.test('P1 an upstream that does not read holds the client back', async (t) => {
  const scene = await openScene(t);
  const chunk = Buffer.alloc(1024 * 1024);
  const go = Promise.withResolvers<void>();
  scene.registry.intercept = async ({ request, response, method }) => {
    if (method !== 'PUT') return false;
    await go.promise;
    for await (const _ of request);
    response.writeHead(201, { 'content-length': 0 });
    response.end();
    return true;
  };
  const { location } = await startUpload(scene);
  let sent = 0;
  const body = async function* () {
    for (let i = 0; i < 200; i += 1) {
      sent += 1;
      yield chunk;
    }
  };
  const put = scene.send(`${location}?digest=${digest}`, {
    method: 'PUT',
    stream: body(),
  });
  // Others get whole answers meanwhile: had the client not been stopped, it would have gone on as well.
  for (let before = -1; sent !== before; ) {
    before = sent;
    for (let others = 0; others < 5; others += 1) await scene.send('/v2/');
  }
  t.ok(sent < 100, `the client was stopped after ${sent} of 200 MiB`);
  go.resolve();
  t.equal((await put).status, 201);
  t.equal(sent, 200);
});

t.test('P1 a client that leaves in the middle of an upload ends it upstream', async (t) => {
  const scene = await openScene(t);
  const arrived = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<boolean>();
  scene.registry.intercept = ({ request, method }) => {
    if (method !== 'PATCH') return false;
    request.once('data', () => arrived.resolve());
    request.once('close', () => ended.resolve(request.complete));
    request.resume();
    return true;
  };
  const { location } = await startUpload(scene);
  const body = async function* () {
    yield data;
    await ended.promise;
  };
  const patch = { method: 'PATCH', stream: body(), hangUpWhen: arrived.promise };
  t.equal(await scene.send(location, patch).catch(() => 'gone'), 'gone');
  t.equal(await ended.promise, false, 'the upstream saw a body that was cut, not a whole one');
  t.match(await accessLine(scene, ({ status }) => status === 499), { route: 'upload', method: 'PATCH' });
});

t.test('P7 a mount goes through with from; mounted or not, the location is ours', async (t) => {
  for (const uploadLocation of ['relative', 'absolute', 'elsewhere'] as const) {
    const scene = await openScene(t, { uploadLocation });
    scene.registry.store.putBlob('base/image', digest, data);
    const mounted = await startUpload(scene, `?mount=${digest}&from=base%2Fimage`, 201);
    t.equal(mounted.location, `/v2/${REPOSITORY}/blobs/${digest}`, uploadLocation);
    t.equal(scene.registry.requests.at(-1)?.target, `${UPLOADS}?mount=${digest}&from=base%2Fimage`);
    const missing = `sha256:${'0'.repeat(64)}`;
    const unmounted = await startUpload(scene, `?mount=${missing}&from=base/image`);
    t.match(unmounted.location, SEALED, 'a mount that became an upload');
    t.equal(await scene.berth.metric('berth_uploads_total', { result: 'mounted' }), 1);
  }
});

t.test('P7 a finished blob has its path here, wherever the upstream keeps it', async (t) => {
  const scene = await openScene(t);
  const rows: readonly (readonly [string, string])[] = [
    ['https://cdn.example/blob?sig=x', `/v2/${REPOSITORY}/blobs/${digest}`],
    ['/elsewhere/blob', `/v2/${REPOSITORY}/blobs/${digest}`],
    [`http://contoso.azurecr.io/v2/other/blobs/${digest}`, `/v2/other/blobs/${digest}`],
  ];
  for (const [upstream, expected] of rows) {
    scene.registry.intercept = ({ response }) => {
      response.writeHead(201, { location: upstream, 'content-length': 0 });
      response.end();
      return true;
    };
    for (const query of [`?digest=${digest}`, `?mount=${digest}&from=base/image`]) {
      const done: UploadStart = await startUpload(scene, query, 201);
      t.equal(done.location, expected, `${upstream} ${query}`);
    }
  }
});

t.test('P8 a manifest over the limit is refused, by its length or where it grows over it', async (t) => {
  const scene = await openScene(t);
  const path = `/v2/${REPOSITORY}/manifests/large`;
  const body = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
  const headers = { 'content-type': MANIFEST_TYPE };
  const stated = await scene.send(path, {
    method: 'PUT',
    headers: { ...headers, 'content-length': String(body.length) },
    body,
  });
  t.equal(stated.status, 413);
  t.equal(errorOf(stated).code, 'SIZE_INVALID');
  t.equal(scene.registry.count('manifest', 'PUT'), 0, 'the upstream heard nothing');
  const chunked = await scene.send(path, {
    method: 'PUT',
    headers: { ...headers, 'transfer-encoding': 'chunked' },
    body,
  });
  t.equal(chunked.status, 413);
  t.equal(scene.registry.store.manifest(REPOSITORY, 'large'), undefined, 'nothing was stored');
});
