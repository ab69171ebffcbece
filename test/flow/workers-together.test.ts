import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { until } from '../support/until.ts';
import { REPOSITORY } from './scene.ts';
import { beginTransfer, isAlive, openWorkers } from './workers-scene.ts';

t.test('Y6 counts are summed, and stay when a worker is gone', async (t) => {
  const scene = await openWorkers(t);
  const sent = 12;
  for (let index = 0; index < sent; index += 1) await scene.send('/v2/');
  const count = () => scene.metric('berth_http_requests_total', 'route="ping",method="GET",code="200"');
  t.equal(await count(), sent);
  t.equal(
    await scene.metric('berth_http_request_duration_seconds_count', 'route="ping"'),
    sent,
    'histograms, too',
  );
  t.equal(await scene.metric('berth_build_info'), 1, 'and what is no sum is none');
  t.equal(await scene.ready(), 200);
  const pid = scene.pids().get(1) ?? 0;
  process.kill(pid, 'SIGKILL');
  await until(() => !isAlive(pid), 'it has ended');
  t.equal(await count(), sent);
  await until(() => (scene.pids().get(1) ?? pid) !== pid, 'it is replaced');
  t.equal(await count(), sent);
  await scene.send('/v2/');
  t.equal(await count(), sent + 1);
});

t.test(
  'Y7 what one caller may have is no other caller’s at any worker, and a write is known to all',
  async (t) => {
    const secret = pseudoRandomBytes('secret', 100_000);
    const digest = digestOf(secret);
    const scene = await openWorkers(t, {
      registry: () => ({ publicProbe: false, push: true }),
      fixture: { blobs: { kind: 'serve', ranges: 'all' } },
    });
    scene.registry.store.putBlob(REPOSITORY, digest, secret);
    scene.registry.intercept = ({ request, response }, endpoint) => {
      if (endpoint !== 'blob' || request.headers.authorization === 'Bearer good') return false;
      response.writeHead(403).end();
      return true;
    };
    const path = `/v2/${REPOSITORY}/blobs/${digest}`;
    const good = { headers: { authorization: 'Bearer good' } };
    t.same((await scene.send(path, good)).body, secret);
    const asked = scene.registry.count('blob');
    await until(async () => (await scene.metric('berth_cache_entries', 'published')) === 1, 'it is kept');
    for (const { status } of (await scene.sendToEach(path, good)).values()) t.equal(status, 200);
    t.equal(scene.registry.count('blob'), asked, 'the word of the upstream counts at both');
    const bad = { headers: { authorization: 'Bearer bad' } };
    for (const { status, body } of (await scene.sendToEach(path, bad)).values()) {
      t.equal(status, 403);
      t.notOk(body.includes(secret.subarray(0, 64)));
    }
    // The upstream takes the right away, and something is written through one worker: both ask anew.
    scene.registry.intercept = ({ response }, endpoint) => {
      if (endpoint !== 'blob') return false;
      response.writeHead(403).end();
      return true;
    };
    const put = await scene.send(`/v2/${REPOSITORY}/manifests/new`, {
      method: 'PUT',
      headers: { ...good.headers, 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      body: Buffer.from('{"schemaVersion":2}'),
    });
    t.equal(put.status, 201);
    for (const { status } of (await scene.sendToEach(path, good)).values()) t.equal(status, 403);
  },
);

t.test('Y8 a client has its limits at all workers together', async (t) => {
  const scene = await openWorkers(t, {
    blobBytes: 32 * 1024 * 1024,
    config: { limits: { transfersPerClient: 3 } },
  });
  const all: Awaited<ReturnType<typeof beginTransfer>>[] = [];
  for (let index = 0; index < 3; index += 1) all.push(await beginTransfer(scene));
  await until(async () => {
    const answers = await scene.sendToEach(scene.blobPath);
    return [...answers.values()].every(({ status }) => status === 429);
  }, 'both refuse the fourth');
  for (const { go } of all) go();
  for (const { ended } of all) t.ok((await ended).isComplete);
  await until(async () => {
    const answers = await scene.sendToEach('/v2/');
    return [...answers.values()].every(({ status }) => status === 200);
  }, 'both answer');
  await until(async () => (await scene.send(scene.blobPath)).status === 200, 'there is room again');
  t.match(readFileSync(join(scene.directory, 'berth.yaml'), 'utf8'), /"workers":2/);
});
