import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { errorOf, openScene, REPOSITORY, type Scene } from './scene.ts';

/** One second each: a test waits for a deadline of Berth's own, not for time. */
const SHORT = {
  timeouts: {
    connectSeconds: 1,
    headersSeconds: 1,
    commitSeconds: 30,
    idleSeconds: 5,
    requestHeadersSeconds: 5,
    drainSeconds: 1,
  },
};
const ALONE = { publicProbe: false, authorizationTtlSeconds: 0 };

/** An upstream that answers every connection with these bytes, then a piece of `drip` each 100 ms. */
async function rawUpstream(t: Test, first: string, drip?: string): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(first);
      if (drip === undefined) return;
      const timer = setInterval(() => socket.write(drip), 100);
      socket.once('close', () => clearInterval(timer));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

async function sceneAt(t: Test, url: string): Promise<Scene> {
  return openScene(t, { upstream: { url, caFile: null }, config: SHORT, registry: ALONE });
}

t.test('H8 informational answers without end have an end', async (t) => {
  const scene = await sceneAt(t, await rawUpstream(t, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'));
  for (const path of [`/v2/${REPOSITORY}/tags/list`, scene.blobPath]) {
    t.equal((await scene.send(path)).status, 504, path);
  }
});

t.test('B3 a redirect whose own body never ends is a redirect at once', async (t) => {
  const location = 'https://eusreplstore28.blob.core.windows.net/x?sig=y';
  const head = `HTTP/1.1 307 T\r\nlocation: ${location}\r\ncontent-length: 423\r\n\r\n`;
  const scene = await sceneAt(t, await rawUpstream(t, head));
  t.equal((await scene.send(scene.blobPath)).status, 307);
  const dripping = await sceneAt(t, await rawUpstream(t, head, '.'));
  t.equal((await dripping.send(dripping.blobPath)).status, 307);
});

t.test('H8 statuses that are none, and successes that are not', async (t) => {
  const scene = await openScene(t, { registry: ALONE });
  const answers = [999, 204, 205, 299, 304];
  const paths = ['/v2/', `/v2/${REPOSITORY}/tags/list`, `/v2/${REPOSITORY}/manifests/latest`, scene.blobPath];
  for (const status of answers) {
    scene.registry.intercept = ({ response }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 999 ? Buffer.alloc(2_000_000) : undefined);
      return true;
    };
    for (const path of paths) t.equal((await scene.send(path)).status, 502, `${status} ${path}`);
  }
  // More of them than there are connections: none is held by an answer that could not be passed on.
  scene.registry.intercept = ({ response }) => {
    response.writeHead(999).end(Buffer.alloc(2_000_000));
    return true;
  };
  for (let i = 0; i < 70; i += 1) await scene.send('/v2/');
  scene.registry.intercept = undefined;
  t.equal((await scene.send('/v2/')).status, 200);
});

t.test(
  'H6 fields that an upstream could take for a method, an address or credentials stay behind',
  async (t) => {
    const scene = await openScene(t);
    const headers = {
      'x-http-method-override': 'DELETE',
      'x-original-url': '/v2/other/tags/list',
      'x-jfrog-art-api': 'key',
      'private-token': 'key',
      'x-client-ip': '10.0.0.1',
      'true-client-ip': '10.0.0.1',
      'x-ms-version': '1',
      'x-amz-date': '1',
      'oci-namespace': 'x',
      'docker-upload-uuid': 'y',
    };
    await scene.send(`/v2/${REPOSITORY}/tags/list`, { headers });
    const seen = scene.registry.requests.at(-1)?.headers ?? {};
    t.strictSame(Object.keys(seen).toSorted(), ['connection', 'docker-upload-uuid', 'host', 'oci-namespace']);
  },
);

t.test('C3 a manifest with a content coding nobody asked for is not one', async (t) => {
  const scene = await openScene(t, { registry: ALONE });
  scene.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'manifest') return false;
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(Buffer.from([31, 139, 8, 0]));
    return true;
  };
  t.equal((await scene.send(`/v2/${REPOSITORY}/manifests/latest`)).status, 502);
});

t.test('C8 a public probe that fails is not tried again for each layer', async (t) => {
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: [{ name: 'ana', password: 'pw', repositories: [REPOSITORY] }] },
  });
  const grant = await scene.send(
    `/oauth2/token?service=${scene.registry.host}&scope=repository:${REPOSITORY}:pull`,
    { headers: { authorization: `Basic ${Buffer.from('ana:pw').toString('base64')}` } },
  );
  const { token } = JSON.parse(grant.body.toString());
  let probes = 0;
  scene.registry.intercept = ({ request }, endpoint) => {
    if (endpoint !== 'token') return false;
    probes += 1;
    request.socket.destroy();
    return true;
  };
  const headers = { authorization: `Bearer ${token}` };
  for (let layer = 0; layer < 4; layer += 1) {
    const digest = scene.registry.store.putManifest(REPOSITORY, `t${layer}`, 'x/y', Buffer.from(`${layer}`));
    scene.registry.store.putBlob(REPOSITORY, digest, Buffer.from(`${layer}`));
    t.equal((await scene.send(`/v2/${REPOSITORY}/blobs/${digest}`, { headers })).status, 307);
  }
  t.ok(probes <= 2, `${probes} questions to the token service, one of them repeated`);
});

t.test('P1 an upstream may take its time to commit an upload', async (t) => {
  const scene = await openScene(t, { config: SHORT });
  const start = await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' });
  const committing = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  scene.registry.intercept = async ({ method }, endpoint) => {
    if (endpoint === 'tags') return true;
    if (method !== 'PUT') return false;
    committing.resolve();
    await commit.promise;
    return false;
  };
  const put = scene.send(`${start.headers.location}?digest=${scene.digest}`, {
    method: 'PUT',
    body: scene.blob,
  });
  await committing.promise;
  const question = await scene.send(`/v2/${REPOSITORY}/tags/list`);
  t.equal(question.status, 504, 'asked later, and given up');
  commit.resolve();
  t.equal((await put).status, 201, 'longer than the deadline for an answer to a question');
});

t.test(
  'D10 a source that ends before its first byte: the client sees the answer begin, and end short',
  async (t) => {
    const scene = await openScene(t);
    scene.storage.fault = { kind: 'cutAfter', bytes: 0, how: 'fin' };
    const got = await scene.send(await scene.ticketUrl());
    t.equal(got.status, 200);
    t.equal(got.ended, 'short');
  },
);

t.test('H5 an error without a body gets our document', async (t) => {
  const scene = await openScene(t, { registry: ALONE });
  for (const status of [404, 503]) {
    scene.registry.intercept = ({ response }) => {
      response.writeHead(status, { 'content-length': '0' }).end();
      return true;
    };
    const got = await scene.send(`/v2/${REPOSITORY}/tags/list`);
    t.equal(got.status, status);
    t.ok(errorOf(got).code);
  }
});
