import { connect } from 'node:tls';
import t from 'tap';
import { accessLine, errorOf, openScene, type Scene } from './scene.ts';

/** Sends bytes as they are and returns all that comes back. */
function sendRaw(scene: Scene, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: scene.berth.port,
      servername: 'contoso.registry.example',
      ca: scene.authority.cert,
    });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.once('close', () => resolve(answer));
    socket.once('error', reject);
    socket.write(text);
  });
}

t.test('H1 a request needs exactly one valid Host', async (t) => {
  const scene = await openScene(t);
  for (const fields of ['', 'host: a.example\r\nhost: b.example\r\n', 'host: a b\r\n', 'host: a/b\r\n']) {
    const answer = await sendRaw(scene, `GET /v2/ HTTP/1.1\r\n${fields}connection: close\r\n\r\n`);
    t.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(fields));
    t.match(answer, /"code":"UNSUPPORTED"/);
  }
  t.equal(scene.registry.requests.length, 0);
});

t.test('H2 the host chooses the door', async (t) => {
  const scene = await openScene(t, { registry: { aliases: ['mirror.registry.example'] } });
  const at = (host: string) => scene.send('/v2/', { headers: { host } });
  t.equal((await at('contoso.registry.example')).status, 200);
  t.equal((await at('CONTOSO.registry.example:443')).status, 200, 'case and the default port do not matter');
  t.equal((await at('mirror.registry.example')).status, 200, 'an alias');
  t.equal((await at('contoso.eastus.data.registry.example')).status, 403, 'a data endpoint knows no API');
  for (const host of [
    'other.example',
    'contoso.westus.data.registry.example',
    'registry.example',
    '127.0.0.1',
  ]) {
    const refused = await at(host);
    t.equal(refused.status, 421, host);
    t.equal(errorOf(refused).code, 'NAME_UNKNOWN');
  }
});

t.test('H3 ns names this registry or is refused', async (t) => {
  const scene = await openScene(t, { registry: { namespaces: ['docker.io'] } });
  const own = scene.registry.host;
  for (const ns of [own, 'docker.io', 'registry-1.docker.io', 'DOCKER.io']) {
    t.equal((await scene.send(`${scene.blobPath}?ns=${encodeURIComponent(ns)}`)).status, 307, ns);
  }
  const before = scene.registry.requests.length;
  for (const ns of ['ghcr.io', 'docker.io.evil.example', '']) {
    const refused = await scene.send(`${scene.blobPath}?ns=${ns}`);
    t.equal(refused.status, 404, ns);
    t.equal(errorOf(refused).code, 'NAME_UNKNOWN');
  }
  t.equal(scene.registry.requests.length, before, 'the upstream was not asked');
  t.ok(
    scene.registry.requests.every(({ target }) => !target.includes('ns=')),
    'ns is not passed on',
  );
});

t.test('H4 paths and methods', async (t) => {
  const scene = await openScene(t);
  const digest = `sha256:${'0'.repeat(64)}`;
  const rows: [string, string, number, string][] = [
    ['GET', '/', 404, 'UNSUPPORTED'],
    ['GET', '/v3/', 404, 'UNSUPPORTED'],
    ['GET', '/v2/team/app/unknown/x', 404, 'UNSUPPORTED'],
    ['GET', '/v2/Team/App/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2/team/../app/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2/team/%2e%2e/app/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2/team%2Fapp/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2//app/tags/list', 400, 'NAME_INVALID'],
    ['GET', `/v2/${'a'.repeat(300)}/tags/list`, 400, 'NAME_INVALID'],
    ['GET', '/v2/team/app/blobs/sha256:abc', 400, 'DIGEST_INVALID'],
    ['GET', '/v2/team/app/blobs/md5:abc', 400, 'DIGEST_INVALID'],
    ['GET', `/v2/team/app/manifests/sha256:${'0'.repeat(63)}`, 400, 'DIGEST_INVALID'],
    ['GET', '/v2/team/app/manifests/.bad', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/team/app/manifests/%', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/team/app/blobs/uploads/a%2fb', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['POST', '/v2/', 405, 'UNSUPPORTED'],
    ['PUT', '/v2/_catalog', 405, 'UNSUPPORTED'],
    ['PUT', `/v2/team/app/blobs/${digest}`, 405, 'UNSUPPORTED'],
    ['PATCH', '/v2/team/app/manifests/latest', 405, 'UNSUPPORTED'],
    ['GET', '/v2/team/app/blobs/uploads/', 405, 'UNSUPPORTED'],
    ['DELETE', '/oauth2/token', 405, 'UNSUPPORTED'],
  ];
  for (const [method, target, status, code] of rows) {
    const refused = await scene.send('/', { method, target });
    t.equal(refused.status, status, `${method} ${target.slice(0, 60)}`);
    t.equal(errorOf(refused).code, code, `${method} ${target.slice(0, 60)}`);
    if (status === 405) t.ok(refused.headers.allow, 'Allow');
  }
  for (const method of ['PROPFIND', 'OPTIONS', 'TRACE']) {
    t.equal((await scene.send('/v2/', { method })).status, 405, method);
  }
  t.equal(scene.registry.requests.length, 0, 'nothing of this reached the upstream');
});

t.test('H5 errors carry the request id that is in the log', async (t) => {
  const scene = await openScene(t);
  scene.registry.intercept = ({ request }) => {
    request.socket.destroy();
    return true;
  };
  const failed = await scene.send('/v2/', { headers: { 'x-request-id': 'from-the-client.1' } });
  t.equal(failed.status, 502);
  t.equal(failed.headers['x-request-id'], 'from-the-client.1');
  t.equal(errorOf(failed).detail.requestId, 'from-the-client.1');
  const line = await accessLine(scene, ({ requestId }) => requestId === 'from-the-client.1');
  t.match(line, { status: 502, outcome: 'upstream_failed', failure: 'connection_terminated' });
  t.notMatch(failed.body.toString(), /at .*\.ts|node:|azurecr/, 'neither a stack nor the upstream');
  const forged = await scene.send('/v3/', { headers: { 'x-request-id': 'a b\tc' } });
  t.not(forged.headers['x-request-id'], 'a b\tc');
});

t.test('H6 hop-by-hop fields end here, in both directions; encodings are not touched', async (t) => {
  const scene = await openScene(t);
  let seen: Record<string, unknown> = {};
  scene.registry.intercept = ({ request, response }) => {
    seen = request.headers;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      connection: 'close, x-upstream-hop',
      'x-upstream-hop': '1',
      'proxy-authenticate': 'Basic',
      'set-cookie': 'session=1',
      'strict-transport-security': 'max-age=1',
      'docker-distribution-api-version': 'registry/2.0',
    });
    response.end(Buffer.from([31, 139, 8, 0]));
    return true;
  };
  const got = await scene.send('/v2/_catalog', {
    headers: {
      connection: 'keep-alive, x-client-hop',
      'x-client-hop': '1',
      te: 'trailers',
      'proxy-authorization': 'Basic abc',
      'accept-encoding': 'zstd;q=1.0, gzip;q=0.8',
      'user-agent': 'client/1',
      cookie: 'a=b',
      'x-forwarded-for': '10.0.0.1',
    },
  });
  for (const name of ['x-client-hop', 'te', 'proxy-authorization', 'cookie', 'x-forwarded-for']) {
    t.equal(seen[name], undefined, `${name} is not passed on`);
  }
  t.equal(seen['accept-encoding'], 'zstd;q=1.0, gzip;q=0.8');
  t.equal(seen['user-agent'], 'client/1');
  t.equal(seen.host, scene.registry.host);
  for (const name of ['x-upstream-hop', 'proxy-authenticate', 'set-cookie', 'strict-transport-security']) {
    t.equal(got.headers[name], undefined, `${name} is not passed back`);
  }
  t.equal(got.headers['content-encoding'], 'gzip');
  t.same(got.body, Buffer.from([31, 139, 8, 0]), 'the body is as the upstream sent it');
});

t.test('H7 a client that leaves ends its upstream request', async (t) => {
  const scene = await openScene(t, { blobBytes: 20_000_000 });
  const url = await scene.ticketUrl();
  const cut = await scene.send(url, { hangUpAfterBytes: 100_000 }).catch(() => undefined);
  t.not(cut?.ended, 'complete');
  while ((await scene.storage.connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
  t.pass('the connection to storage closed');
  t.match(await accessLine(scene, ({ status }) => status === 499), { outcome: 'client_closed' });
  t.equal(await scene.berth.metric('berth_blob_incomplete_total', { reason: 'client_closed' }), 1);
});

t.test('H8 an upstream that throttles, refuses, is silent or broken', async (t) => {
  const config = {
    timeouts: {
      connectSeconds: 1,
      headersSeconds: 1,
      commitSeconds: 30,
      idleSeconds: 5,
      requestHeadersSeconds: 5,
      drainSeconds: 1,
    },
  };
  const scene = await openScene(t, { config, registry: { publicProbe: false } });
  const paths = [
    '/v2/',
    '/v2/_catalog',
    '/v2/team/app/tags/list',
    '/v2/team/app/manifests/latest',
    scene.blobPath,
  ];
  scene.registry.intercept = ({ response }) => {
    response.writeHead(429, { 'retry-after': '11', 'content-type': 'text/html' });
    response.end('<html>slow down</html>');
    return true;
  };
  for (const path of paths) {
    for (const method of ['GET', 'HEAD']) {
      // A 429 is remembered for the credentials that it was said to (L7).
      const headers = { authorization: `Basic ${method}${path}` };
      const throttled = await scene.send(path, { method, headers });
      t.equal(throttled.status, 429, `${method} ${path}`);
      t.equal(throttled.headers['retry-after'], '11');
    }
  }
  scene.registry.intercept = ({ request }) => {
    request.socket.resetAndDestroy();
    return true;
  };
  for (const path of paths) t.equal((await scene.send(path)).status, 502, `reset: ${path}`);
  scene.registry.intercept = () => true;
  t.equal((await scene.send('/v2/team/app/manifests/latest')).status, 504, 'silent');
  await scene.registry.close();
  for (const path of paths) t.equal((await scene.send(path)).status, 502, `refused: ${path}`);
});

t.test('H6 a transfer coding other than chunked is refused, not lost', async (t) => {
  const scene = await openScene(t);
  const answer = await sendRaw(
    scene,
    `POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nhost: contoso.registry.example\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  );
  t.match(answer, /^HTTP\/1\.1 501 /);
  t.equal(scene.registry.requests.length, 0);
});

t.test('H7 a client that leaves in the middle of an upload is one that left', async (t) => {
  const scene = await openScene(t);
  const head =
    'POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nhost: contoso.registry.example\r\ncontent-length: 100\r\n\r\nabc';
  const socket = connect({
    host: '127.0.0.1',
    port: scene.berth.port,
    servername: 'contoso.registry.example',
    ca: scene.authority.cert,
  });
  socket.on('error', () => undefined);
  socket.write(head);
  while (scene.registry.count('upload') === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.end();
  const line = await accessLine(scene, ({ route }) => route === 'uploads');
  t.match(line, { status: 499, outcome: 'client_closed' });
  t.notOk('failure' in line && line['failure'] === 'malformed_request');
  t.equal(await scene.berth.metric('berth_http_refused_requests_total'), 0);
});
