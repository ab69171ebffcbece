import { once } from 'node:events';
import t from 'tap';
import { digestOf } from '../support/image.ts';
import { until } from '../support/until.ts';
import { allowedBytes } from './allowed-bytes.ts';
import { beginTransfer, isAlive, openWorkers } from './workers-scene.ts';

t.test('Y1 two workers, one port, and one fetch of a blob that 20 clients want at once', async (t) => {
  const scene = await openWorkers(t);
  const { blob, blobPath, digest } = scene;
  const answers = await Promise.all(Array.from({ length: 20 }, () => scene.send(blobPath)));
  for (const { status, body } of answers) {
    t.equal(status, 200);
    t.equal(digestOf(body), digest);
  }
  const workers = await Promise.all(
    answers.map(({ headers }) => scene.workerOf(String(headers['x-request-id']))),
  );
  t.same(new Set(workers), new Set([1, 2]), 'both have answered');
  const fetched = await scene.metric('berth_upstream_bytes_total');
  t.ok(fetched <= (await allowedBytes(scene, blob.length)), `${fetched} bytes for ${blob.length}`);
  t.equal(await scene.metric('berth_fills_total', 'result="published"'), 1);
  await until(async () => (await scene.metric('berth_cache_entries', 'published')) === 1, 'it is kept');
  const before = scene.storage.requests.length;
  const warm = await scene.sendToEach(blobPath, { headers: { range: 'bytes=1000-1999' } });
  for (const { status, body } of warm.values()) {
    t.equal(status, 206);
    t.same(body, blob.subarray(1000, 2000));
  }
  t.equal(scene.storage.requests.length, before, 'from the one cache');
});

t.test(
  'Y2 a worker is killed in mid-transfer: the others go on, its client resumes, it is replaced',
  async (t) => {
    const scene = await openWorkers(t, { blobBytes: 32 * 1024 * 1024 });
    const { blob, blobPath, digest } = scene;
    const all: Awaited<ReturnType<typeof beginTransfer>>[] = [];
    // The access line comes at the end of a transfer, so both workers are known by how many have begun.
    while (all.length < 10) all.push(await beginTransfer(scene));
    const pid = scene.pids().get(1) ?? 0;
    process.kill(pid, 'SIGKILL');
    for (const { go } of all) go();
    const answers = await Promise.all(all.map(({ ended }) => ended));
    const whole = answers.filter(({ isComplete }) => isComplete);
    const cut = answers.filter(({ isComplete }) => !isComplete);
    t.ok(whole.length > 0 && cut.length > 0, `${whole.length} whole, ${cut.length} cut`);
    for (const { body } of whole) t.equal(digestOf(body), digest);

    for (const { body } of cut) t.ok(body.equals(blob.subarray(0, body.length)), 'what came is right');
    const from = cut[0]?.body.length ?? 0;
    const rest = await scene.send(blobPath, { headers: { range: `bytes=${from}-` } });
    t.ok(Buffer.concat([cut[0]?.body ?? Buffer.alloc(0), rest.body]).equals(blob), 'the client has it all');
    await until(() => (scene.pids().get(1) ?? pid) !== pid, 'it is replaced');
    t.equal(await scene.metric('berth_worker_restarts_total'), 1);
    t.equal(await scene.metric('berth_workers', 'running'), 2);
    t.same(new Set((await scene.sendToEach(blobPath)).keys()), new Set([1, 2]));
    t.match(
      scene.log.find(({ msg }) => msg === 'a worker has ended: it is replaced'),
      { worker: 1, level: 'error' },
    );
    t.equal(
      await scene.metric('berth_fills_total', 'result="published"'),
      1,
      'it was fetched once all the same',
    );
  },
);

t.test('Y3 without the primary no worker is left', async (t) => {
  const scene = await openWorkers(t);
  const pids = [...scene.pids().values()];
  t.equal(pids.length, 2);
  scene.primary.kill('SIGKILL');
  await once(scene.primary, 'exit');
  await until(() => !pids.some(isAlive), 'both have ended');
  await t.rejects(scene.send('/v2/'), { code: 'ECONNREFUSED' });
});
