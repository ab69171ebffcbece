import t from 'tap';
import { sealUpload } from '../../src/ticket/seal-upload.ts';
import { digestOf, MANIFEST_TYPE } from '../support/image.ts';
import { startUpload } from './pushing.ts';
import { errorOf, openScene, REPOSITORY, type Scene } from './scene.ts';

const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`;

/** Answers every upload request with this status and location. */
function answerUploads(scene: Scene, status: number, location: string): void {
  scene.registry.intercept = ({ request, response }, endpoint) => {
    if (endpoint !== 'upload') return false;
    request.resume();
    response.writeHead(status, { location, 'content-length': 0 });
    response.end();
    return true;
  };
}

t.test('P2 an upload that would go on at another host is refused', async (t) => {
  const scene = await openScene(t);
  const locations = [
    'https://attacker.example/upload',
    '//attacker.example/upload',
    `https://${scene.storage.host}/upload`,
    'https://contoso.azurecr.io.attacker.example/upload',
    'https://contoso.azurecr.io@attacker.example/upload',
    'https://[',
  ];
  for (const location of locations) {
    answerUploads(scene, 202, location);
    const refused = await scene.send(UPLOADS, { method: 'POST' });
    t.equal(refused.status, 502, location);
    t.equal(refused.headers.location, undefined);
    t.notMatch(refused.body.toString(), /attacker/);
  }
  t.equal(
    await scene.berth.metric('berth_redirects_refused_total', { reason: 'host_not_listed' }),
    locations.length,
  );
  t.ok(scene.berth.log.some((line) => line['audit'] === 'upload_location'));
  t.equal(scene.storage.requests.length, 0);
});

t.test('H5 a refusal keeps its status, wherever its location leads', async (t) => {
  const scene = await openScene(t);
  for (const status of [401, 403, 429, 503]) {
    answerUploads(scene, status, 'https://sso.example/login');
    const refused = await scene.send(UPLOADS, { method: 'POST' });
    t.equal(refused.status, status);
    t.equal(refused.headers.location, undefined);
  }
  answerUploads(scene, 416, '/v2/uploads/x');
  const refused = await scene.send(UPLOADS, { method: 'POST' });
  t.match(refused.headers.location, /^\/v2\/team\/app\/blobs\/uploads\/[\w-]+$/, 'where the upload stands');
});

t.test('P2 a path that looks like a host stays a path at the upstream', async (t) => {
  const scene = await openScene(t);
  answerUploads(scene, 202, `${scene.registry.url}//attacker.example/upload?a=b`);
  const { location } = await startUpload(scene);
  scene.registry.intercept = ({ request, response, method }) => {
    request.resume();
    if (method !== 'PATCH') return false;
    response.writeHead(202, { location: '/next', 'content-length': 0 });
    response.end();
    return true;
  };
  const patch = await scene.send(location, { method: 'PATCH', body: 'x' });
  t.equal(patch.status, 202);
  t.match(patch.headers.location, /^\/v2\/team\/app\/blobs\/uploads\/[\w-]+$/);
  t.equal(scene.registry.requests.at(-1)?.target, '//attacker.example/upload?a=b');
});

t.test('P2 a location too long to be sealed is a failure upstream', async (t) => {
  const scene = await openScene(t);
  answerUploads(scene, 202, `/v2/${REPOSITORY}/blobs/uploads/x?state=${'x'.repeat(9000)}`);
  t.equal((await scene.send(UPLOADS, { method: 'POST' })).status, 502);
});

t.test('P3 a sealed location is of one registry and one repository', async (t) => {
  const scene = await openScene(t);
  const other = await openScene(t);
  const { location } = await startUpload(scene);
  const sealed = location.slice(UPLOADS.length);
  const url = `/v2/${REPOSITORY}/blobs/uploads/x`;
  const elsewhere = { registry: 'fabrikam', repository: REPOSITORY, url };
  const rows = {
    'another repository': `/v2/bob/app/blobs/uploads/${sealed}`,
    'another registry': `${UPLOADS}${sealUpload(scene.berth.ticketKeys, elsewhere)}`,
    'keys of another Berth': (await startUpload(other)).location,
    'an altered one': `${UPLOADS}${sealed.slice(0, -2)}${sealed.endsWith('A') ? 'BB' : 'AA'}`,
    'one built by hand': `${UPLOADS}00000000-0000-0000-0000-000000000000`,
  };
  scene.registry.requests.length = 0;
  for (const [why, path] of Object.entries(rows)) {
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const body = method === 'PATCH' || method === 'PUT' ? { body: 'x' } : {};
      const refused = await scene.send(path, { method, ...body });
      t.equal(refused.status, 404, `${why}: ${method}`);
      t.equal(errorOf(refused).code, 'BLOB_UPLOAD_UNKNOWN');
    }
  }
  t.equal(scene.registry.requests.length, 0, 'the upstream heard nothing');
  t.equal((await scene.send(location)).status, 204, 'the right one works');
});

t.test('P3 what the client adds stays behind the query of the upstream', async (t) => {
  const scene = await openScene(t);
  const { location } = await startUpload(scene);
  const digest = digestOf(Buffer.alloc(0));
  await scene.send(`${location}?ns=${scene.registry.host}&digest=${digest}&x=a%2Fb`, { method: 'PUT' });
  const target = scene.registry.requests.at(-1)?.target ?? '';
  t.match(target, /\?_state=[\w-]+%3D&digest=sha256:[0-9a-f]{64}&x=a%2Fb$/, 'and ns is ours');
});

t.test('P4 a write that the upstream wants to redirect is refused', async (t) => {
  const scene = await openScene(t);
  const { location } = await startUpload(scene);
  const writes = [
    ['POST', UPLOADS],
    ['PATCH', location],
    ['PUT', `${location}?digest=${scene.digest}`],
    ['PUT', `/v2/${REPOSITORY}/manifests/v1`],
    ['DELETE', `/v2/${REPOSITORY}/manifests/v1`],
    ['DELETE', scene.blobPath],
  ] as const;
  let refusals = 0;
  for (const status of [301, 302, 303, 307, 308]) {
    scene.registry.intercept = ({ request, response }) => {
      request.resume();
      response.writeHead(status, { location: scene.storage.url, 'content-length': 0 });
      response.end();
      return true;
    };
    for (const [method, path] of writes) {
      const refused = await scene.send(path, { method, ...(method === 'DELETE' ? {} : { body: 'x' }) });
      t.equal(refused.status, 502, `${status} ${method} ${path}`);
      t.equal(refused.headers.location, undefined);
      refusals += 1;
    }
  }
  t.equal(
    await scene.berth.metric('berth_redirects_refused_total', { reason: 'upload_redirected' }),
    refusals,
  );
  t.ok(
    scene.berth.log.some(
      (line) => line['audit'] === 'upload_location' && line['detail'] === 'upload_redirected',
    ),
  );
  t.equal(scene.storage.requests.length, 0, 'nothing was sent to where it pointed');
});

t.test('P5 push: false refuses every writing method before the upstream hears anything', async (t) => {
  const scene = await openScene(t, { registry: { push: false } });
  const writes = [
    ['POST', UPLOADS],
    ['POST', `${UPLOADS}?mount=${scene.digest}&from=base/image`],
    ['GET', `${UPLOADS}abc`],
    ['PATCH', `${UPLOADS}abc`],
    ['PUT', `${UPLOADS}abc?digest=${scene.digest}`],
    ['DELETE', `${UPLOADS}abc`],
    ['PUT', `/v2/${REPOSITORY}/manifests/v1`],
    ['DELETE', `/v2/${REPOSITORY}/manifests/v1`],
    ['DELETE', scene.blobPath],
  ] as const;
  for (const [method, path] of writes) {
    const withBody = method === 'GET' || method === 'DELETE' ? {} : { body: 'x'.repeat(100_000) };
    const refused = await scene.send(path, { method, ...withBody });
    t.equal(refused.status, 405, `${method} ${path}`);
    t.equal(errorOf(refused).code, 'UNSUPPORTED');
    t.match(errorOf(refused).message, /read-only/);
    t.equal(refused.headers.allow, 'GET, HEAD');
  }
  t.equal(scene.registry.requests.length, 0);
  t.equal((await scene.send(`/v2/${REPOSITORY}/manifests/latest`)).status, 200, 'reading goes on');
});

t.test('P6 a write forgets what was decided about its repository, and about no other', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const digest = digestOf(Buffer.from('new'));
  scene.registry.store.putBlob('other/app', scene.digest, scene.blob);
  const writes: Record<string, () => Promise<unknown>> = {
    'PUT of a manifest': () =>
      scene.send(`/v2/${REPOSITORY}/manifests/v1`, {
        method: 'PUT',
        headers: { 'content-type': MANIFEST_TYPE },
        body: '{}',
      }),
    'DELETE of a manifest': () => scene.send(`/v2/${REPOSITORY}/manifests/v1`, { method: 'DELETE' }),
    mount: () => startUpload(scene, `?mount=${scene.digest}&from=other/app`, 201),
    upload: () => scene.send(`${UPLOADS}?digest=${digest}`, { method: 'POST', body: 'new' }),
  };
  for (const [what, write] of Object.entries(writes)) {
    for (const repository of [REPOSITORY, 'other/app']) {
      await scene.send(`/v2/${repository}/blobs/${scene.digest}`);
      await scene.send(`/v2/${repository}/blobs/${scene.digest}`);
    }
    await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`);
    await write();
    scene.registry.requests.length = 0;
    t.equal((await scene.send(scene.blobPath)).status, 307);
    t.equal((await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`)).status, 200);
    t.equal(scene.registry.count('blob'), 1, `${what}: the blob is asked for anew`);
    t.equal(scene.registry.count('manifest'), 1, `${what}: the manifest, too`);
    await scene.send(`/v2/other/app/blobs/${scene.digest}`);
    t.equal(scene.registry.count('blob'), 1, `${what}: another repository is not touched`);
  }
  await scene.send(scene.blobPath, { method: 'DELETE' });
  t.equal((await scene.send(scene.blobPath)).status, 404, 'what was deleted is gone at once');
});

t.test('P6 also where no answer came', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  await scene.send(scene.blobPath);
  scene.registry.intercept = ({ request, method }) => {
    if (method !== 'DELETE') return false;
    scene.registry.store.deleteBlob(REPOSITORY, scene.digest);
    request.socket.destroy();
    return true;
  };
  t.equal((await scene.send(scene.blobPath, { method: 'DELETE' })).status, 502);
  t.equal((await scene.send(scene.blobPath)).status, 404);
});

t.test('P6 a question that was asked before the write does not answer one from after it', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  let slow = true;
  scene.registry.intercept = async ({ method, response }, endpoint) => {
    if (endpoint !== 'blob' || method !== 'GET' || !slow) return false;
    slow = false;
    arrived.resolve();
    await gate.promise;
    response.writeHead(307, { location: scene.storage.url, 'content-length': 0 });
    response.end();
    return true;
  };
  const early = scene.send(scene.blobPath);
  await arrived.promise;
  t.equal((await scene.send(scene.blobPath, { method: 'DELETE' })).status, 202);
  t.equal((await scene.send(scene.blobPath)).status, 404, 'does not wait for the early one');
  gate.resolve();
  t.equal((await early).status, 307);
  t.equal((await scene.send(scene.blobPath)).status, 404, 'and the early answer was not kept');
});
