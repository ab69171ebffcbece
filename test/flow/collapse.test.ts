import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { MANIFEST_TYPE } from '../support/image.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

const byTag = `/v2/${REPOSITORY}/manifests/latest`;

/** Holds back the answers to one method until `count` such questions have arrived and the gate is opened. */
function gateQuestions(scene: Scene, method: string, count: number) {
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  scene.registry.intercept = async (exchange, endpoint) => {
    if (endpoint !== 'manifest' || exchange.method !== method) return false;
    if (scene.registry.count('manifest', method) === count) arrived.resolve();
    await gate.promise;
    return false;
  };
  return { arrived: arrived.promise, open: () => gate.resolve() };
}

/** Until so many requests wait for an upstream's answer, or have it. */
async function inFlight(scene: Scene, count: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await scene.berth.metric('berth_http_requests_in_flight', { server: 'login_server' })) < count) {
    if (Date.now() > deadline) throw new Error(`no ${count} requests in flight within 5 s`);
  }
}

const as = (name: string, method = 'GET') => ({ method, headers: { authorization: `Bearer ${name}` } });

t.test('C9 equal questions for a tag at once are one HEAD for each credentials, and one GET', async (t) => {
  const scene = await openScene(t);
  const heads = gateQuestions(scene, 'HEAD', 2);
  const pulls = ['a', 'b'].flatMap((name) => Array.from({ length: 10 }, () => scene.send(byTag, as(name))));
  await heads.arrived;
  await inFlight(scene, 20);
  const gets = gateQuestions(scene, 'GET', 1);
  heads.open();
  await gets.arrived;
  gets.open();
  for (const { status, body } of await Promise.all(pulls)) {
    t.equal(status, 200);
    t.same(body, scene.manifest);
  }
  t.equal(scene.registry.count('manifest', 'HEAD'), 2, 'each decided by the upstream for itself');
  t.equal(scene.registry.count('manifest', 'GET'), 1, 'the content is the same for all who may have it');
});

t.test('C9 the content is shared also where memory is too small for it', async (t) => {
  const scene = await openScene(t, { config: { cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 0 } } });
  const gets = gateQuestions(scene, 'GET', 1);
  const pulls = Array.from({ length: 10 }, () => scene.send(byTag, as('a')));
  await gets.arrived;
  await inFlight(scene, 10);
  gets.open();
  for (const { body } of await Promise.all(pulls)) t.same(body, scene.manifest);
  t.equal(scene.registry.count('manifest', 'GET'), 1);
});

t.test('C9 what another one was answered instead of the content is not shared', async (t) => {
  const scene = await openScene(t);
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  scene.registry.intercept = async ({ method, request, response }, endpoint) => {
    if (endpoint !== 'manifest' || method !== 'GET') return false;
    arrived.resolve();
    await gate.promise;
    if (request.headers.authorization !== 'Bearer a') return false;
    response.writeHead(403, { 'content-type': 'application/json', 'content-length': 2 });
    response.end('{}');
    return true;
  };
  const first = scene.send(byTag, as('a'));
  await arrived.promise;
  const second = scene.send(byTag, as('b'));
  await inFlight(scene, 2);
  gate.resolve();
  t.equal((await first).status, 403);
  t.same((await second).body, scene.manifest, 'asked with its own credentials');
});

t.test('C9 a question from before a push answers none from after it', async (t) => {
  const scene = await openScene(t);
  const heads = gateQuestions(scene, 'HEAD', 1);
  const before = scene.send(byTag, as('a', 'HEAD'));
  await heads.arrived;
  const moved = Buffer.from(scene.manifest.toString().replace('"layers":[]', '"layers":[ ]'));
  const pushed = await scene.send(byTag, {
    method: 'PUT',
    headers: { authorization: 'Bearer a', 'content-type': MANIFEST_TYPE },
    body: moved,
  });
  t.equal(pushed.status, 201);
  const again = gateQuestions(scene, 'HEAD', 2);
  const after = scene.send(byTag, as('a', 'HEAD'));
  await again.arrived;
  again.open();
  heads.open();
  t.equal((await after).headers['docker-content-digest'], pushed.headers['docker-content-digest']);
  await before;
});

t.test('C9 another Accept is another question', async (t) => {
  const scene = await openScene(t);
  const heads = gateQuestions(scene, 'HEAD', 2);
  const pulls = ['a/b', 'c/d'].map((accept) => scene.send(byTag, { method: 'HEAD', headers: { accept } }));
  await heads.arrived;
  heads.open();
  for (const { status } of await Promise.all(pulls)) t.equal(status, 200);
});
