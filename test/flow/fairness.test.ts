import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setClock, USERS } from './callers.ts';
import { behindProxy, FREE, from, holdUpstream, queueLength, TAGS } from './limiting.ts';
import { errorOf, openScene, REPOSITORY, type Scene } from './scene.ts';

/** Nothing of one client's may cost another one its answer (L4–L8). */
const [GREEDY, OTHER, THIRD] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;

const plain = { registry: { scheme: 'http' }, tls: false } as const;

t.test('L8 the questions of one connection that fill the queue give way to another client', async (t) => {
  const limits = { ...FREE, concurrency: 2, queueLength: 20 };
  const scene = await openScene(t, { ...plain, config: behindProxy(), upstream: { limits } });
  const upstream = holdUpstream(scene);
  const socket = connect(scene.berth.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  const question = `GET ${TAGS} HTTP/1.1\r\nHost: contoso.registry.example\r\nX-Forwarded-For: ${GREEDY}\r\nUser-Agent: ${GREEDY}\r\n\r\n`;
  // As many as one connection may have unanswered (L1).
  socket.write(question.repeat(32));
  await upstream.until(1);
  await queueLength(scene, 20);
  const other = [1, 2].map(() =>
    scene.send(TAGS, { headers: { 'x-forwarded-for': OTHER, 'user-agent': OTHER } }),
  );
  await upstream.until(2);
  t.equal(upstream.held[1]?.client, OTHER, 'a place at the upstream is left for others');
  upstream.held[1]?.release();
  await upstream.until(3);
  t.equal(upstream.held[2]?.client, OTHER, 'and the second question found a place in the full queue');
  upstream.held[2]?.release();
  t.same(
    (await Promise.all(other)).map(({ status }) => status),
    [200, 200],
  );
  t.ok((await scene.berth.metric('berth_upstream_throttled_total', { reason: 'queue_full' })) > 0);
});

t.test('L5 slow answers to one client leave places for others', async (t) => {
  const limits = { ...FREE, concurrency: 10, queueSeconds: 1 };
  const scene = await openScene(t, { ...plain, config: behindProxy(), upstream: { limits } });
  const upstream = holdUpstream(scene);
  const greedy = Array.from({ length: 10 }, () => scene.send(TAGS, from(GREEDY)));
  await upstream.until(5);
  await queueLength(scene, 5);
  for (const [at, address] of [OTHER, THIRD].entries()) {
    const answer = scene.send(TAGS, from(address));
    await upstream.until(6 + at);
    upstream.held[5 + at]?.release();
    t.equal((await answer).status, 200);
  }
  t.equal(upstream.held.length, 7, 'half of the places is what one client gets');
  for (const answer of await Promise.all(greedy.slice(5))) t.equal(answer.status, 503);
  for (const question of upstream.held) question.release();
  for (const answer of await Promise.all(greedy.slice(0, 5))) t.equal(answer.status, 200);
});

t.test('L8 the addresses of one IPv6 network are one client', async (t) => {
  const limits = { ...FREE, concurrency: 4 };
  const scene = await openScene(t, { ...plain, config: behindProxy(), upstream: { limits } });
  const upstream = holdUpstream(scene);
  const answers = [1, 2, 3].map((at) => scene.send(TAGS, from(`2001:db8::${at}`)));
  await upstream.until(2);
  await queueLength(scene, 1);
  for (let at = 0; at < 3; at += 1) {
    await upstream.until(at + 1);
    upstream.held[at]?.release();
  }
  for (const answer of await Promise.all(answers)) t.equal(answer.status, 200);
});

const MANIFEST = `/v2/${REPOSITORY}/manifests/latest`;

/** The upstream says 429 to some paths, for an hour. */
function throttle(scene: Scene, fits: (path: string) => boolean): void {
  scene.registry.intercept = ({ request, response }) => {
    if (!fits(request.url ?? '')) return false;
    response.writeHead(429, { 'retry-after': '3000', 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    return true;
  };
}

t.test("L7 one client's 429 holds up neither logins nor other kinds of questions", async (t) => {
  const scene = await openScene(t, { ...plain, config: behindProxy() });
  throttle(scene, (path) => path.includes('/manifests/'));
  t.equal((await scene.send(MANIFEST, from(GREEDY))).status, 429);
  t.equal((await scene.send('/v2/', from(OTHER))).status, 200, 'what every client begins with');
  t.equal((await scene.send(TAGS, from(OTHER))).status, 200);
  t.equal((await scene.send(scene.blobPath, from(OTHER))).status, 307);
  throttle(scene, (path) => path === '/v2/');
  t.equal((await scene.send('/v2/', from(GREEDY))).status, 429);
  scene.registry.intercept = undefined;
  t.equal((await scene.send('/v2/', from(OTHER))).status, 200, 'nor is it held up by itself');
});

t.test("L7 a 429 that Berth's own credentials get on a list holds up no pulls", async (t) => {
  const file = join(t.testdir({ credentials: 'ana:ana-password\n' }), 'credentials');
  await chmod(file, 0o600);
  const scene = await openScene(t, {
    registry: { clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] } },
    auth: { kind: 'basic', users: USERS },
    upstream: { auth: { kind: 'file', file } },
  });
  throttle(scene, (path) => path === '/v2/_catalog');
  t.equal((await scene.send('/v2/_catalog')).status, 429);
  t.equal((await scene.send(MANIFEST)).status, 200);
});

t.test('L7 after a minute one question finds out whether a long pause is over', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const asked = () => scene.registry.requests.length;
  throttle(scene, (path) => path === TAGS);
  t.equal((await scene.send(TAGS)).status, 429);
  const before = asked();
  clock.advance(45);
  t.equal((await scene.send(TAGS)).headers['retry-after'], '15');
  t.equal(asked(), before);
  clock.advance(15);
  t.equal((await scene.send(TAGS)).status, 429);
  t.equal(asked(), before + 1, 'it is asked for');
  t.equal((await scene.send(TAGS)).status, 429);
  t.equal(asked(), before + 1, 'and with its answer the next minute begins');
});

/** A body that begins and does not go on until it is told to. */
function trickle() {
  const end = Promise.withResolvers<void>();
  return {
    end: end.resolve,
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('the beginning');
      await end.promise;
    },
  };
}

/** Uploads of one client that do not go on, until the upstream has so many. */
async function beginUploads(t: Test, scene: Scene, count: number, address: string): Promise<void> {
  const leave = Promise.withResolvers<void>();
  const begun = () => scene.registry.requests.filter(({ method }) => method === 'POST').length;
  const before = begun();
  const uploads = Array.from({ length: count }, () =>
    scene
      .send(UPLOADS, { ...from(address), method: 'POST', stream: trickle(), hangUpWhen: leave.promise })
      .catch(() => undefined),
  );
  t.teardown(async () => {
    leave.resolve();
    await Promise.all(uploads);
  });
  await until(() => begun() >= before + count);
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not so within 5 s: ${String(isSo)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/?digest=sha256:${'0'.repeat(64)}`;

t.test('L4 uploads take no connection from questions', async (t) => {
  const config = behindProxy({ upstreamConnections: 4 });
  const scene = await openScene(t, { ...plain, config, registry: { scheme: 'http', push: true } });
  await beginUploads(t, scene, 4, GREEDY);
  t.equal((await scene.send(TAGS, from(OTHER))).status, 200);
});

t.test('L4 uploads of one client at a time, and the next one when one has ended', async (t) => {
  const config = behindProxy({ upstreamConnections: 4, transfersPerClient: 2 });
  const scene = await openScene(t, { ...plain, config, registry: { scheme: 'http', push: true } });
  await beginUploads(t, scene, 1, GREEDY);
  const last = trickle();
  const ending = scene.send(UPLOADS, { ...from(GREEDY), method: 'POST', stream: last });
  await until(() => scene.registry.requests.filter(({ method }) => method === 'POST').length === 2);
  const refused = await scene.send(UPLOADS, { ...from(GREEDY), method: 'POST', body: 'content' });
  t.equal(refused.status, 429);
  t.equal(errorOf(refused).code, 'TOOMANYREQUESTS');
  t.match(refused.headers['retry-after'], /^\d+$/);
  t.equal(await scene.berth.metric('berth_client_limit_refusals_total', { limit: 'transfers' }), 1);
  const session = UPLOADS.replace(/\?.*/, '');
  t.equal((await scene.send(session, { ...from(GREEDY), method: 'POST' })).status, 202, 'without a body');
  const other = await scene.send(UPLOADS, { ...from(OTHER), method: 'POST', body: 'content' });
  t.not(other.status, 429, 'another client');
  last.end();
  t.not((await ending).status, 429);
  const next = await scene.send(UPLOADS, { ...from(GREEDY), method: 'POST', body: 'content' });
  t.not(next.status, 429, 'the place is free again');
});
