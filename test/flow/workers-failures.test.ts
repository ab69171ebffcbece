import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { digestOf } from '../support/image.ts';
import { until } from '../support/until.ts';
import { isAlive, openWorkers, type WorkersScene } from './workers-scene.ts';

/** Milliseconds: fifteen looks of a second, on a machine that does many things at once. */
const HANG_BOUND_MS = 60_000;

/** As `send`; undefined where nobody answers because the connection is one of a worker that is killed. */
function trySend(scene: WorkersScene, path: string) {
  return scene.send(path).catch(() => undefined);
}

t.test('Y2 a worker that hangs is killed and replaced, while the others serve', async (t) => {
  const scene = await openWorkers(t);
  const pid = scene.pids().get(1) ?? 0;
  process.kill(pid, 'SIGSTOP');
  // Half of them come to the one that hangs.
  const sent = Array.from({ length: 20 }, () => trySend(scene, scene.blobPath));
  const first = await Promise.race(sent);
  t.equal(first?.status, 200, 'the other serves');
  t.notOk(scene.log.some(({ msg }) => msg === 'a worker hangs: it is killed'));
  await until(
    () => scene.log.some(({ msg }) => msg === 'a worker hangs: it is killed'),
    'it is noticed',
    HANG_BOUND_MS,
  );
  const answers = await Promise.all(sent);
  for (const answer of answers) if (answer?.isComplete === true) t.equal(digestOf(answer.body), scene.digest);
  await until(() => (scene.pids().get(1) ?? pid) !== pid, 'it is replaced');
  t.notOk(isAlive(pid));
  t.same(new Set((await scene.sendToEach(scene.blobPath)).keys()), new Set([1, 2]));
  t.equal(await scene.ready(), 200);
});

t.test(
  'Y2 a worker dies amid a fill: the others have the blob from it, and nobody has wrong bytes',
  async (t) => {
    const scene = await openWorkers(t);
    const { blob, blobPath, digest, storage } = scene;
    storage.fault = { kind: 'slow', chunkBytes: 32 * 1024, intervalMs: 20 };
    const begun: Promise<unknown>[] = [];
    const answers = Array.from({ length: 12 }, () => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      begun.push(promise);
      return scene.send(blobPath, { onAnswered: resolve });
    });
    await Promise.all(begun);
    t.equal(await scene.metric('berth_fills_in_flight'), 1);
    process.kill(scene.pids().get(1) ?? 0, 'SIGKILL');
    storage.fault = null;
    const ended = await Promise.all(answers);
    const whole = ended.filter(({ isComplete }) => isComplete);
    t.ok(whole.length > 0 && whole.length < 12, `${whole.length} of 12`);
    for (const { isComplete, body } of ended) {
      if (isComplete) t.equal(digestOf(body), digest);
      else t.ok(body.equals(blob.subarray(0, body.length)), 'what came is right');
    }
    await until(async () => (await scene.metric('berth_cache_entries', 'published')) === 1, 'it is kept');
    t.equal(await scene.metric('berth_fills_total', 'result="published"'), 1, 'by the one fill');
    await until(async () => (await scene.metric('berth_fills_in_flight')) === 0, 'which has ended');
    for (const { body } of (await scene.sendToEach(blobPath)).values()) t.equal(digestOf(body), digest);
  },
);

t.test('Y2 the only fill of a worker that dies ends by itself', async (t) => {
  const scene = await openWorkers(t, { blobBytes: 64 * 1024 * 1024 });
  scene.storage.fault = { kind: 'slow', chunkBytes: 1024, intervalMs: 50 };
  const { promise: begun, resolve } = Promise.withResolvers<string>();
  const answer = scene.send(scene.blobPath, {
    onAnswered: (headers) => resolve(String(headers['x-request-id'])),
  });
  await begun;
  for (const pid of scene.pids().values()) process.kill(pid, 'SIGKILL');
  t.notOk((await answer).isComplete);
  await until(async () => (await scene.metric('berth_workers', 'running')) === 2, 'both are replaced');
  await until(async () => (await scene.metric('berth_fills_in_flight')) === 0, 'nobody needs it');
  await until(async () => (await scene.storage.connections()) === 0, 'and nothing of it is left');
});

t.test('Y3 SIGTERM to all of them at once, as a terminal does, drains as well', async (t) => {
  const scene = await openWorkers(t);
  const pids = [...scene.pids().values()];
  for (const name of ['SIGHUP', 'SIGUSR1', 'SIGINT', 'SIGTERM'] as const)
    for (const pid of pids) process.kill(pid, name);
  t.equal((await scene.send(scene.blobPath)).status, 200, 'the primary says when they end');
  scene.primary.kill('SIGTERM');
  t.same(await once(scene.primary, 'exit'), [0, null]);
  t.notOk(pids.some(isAlive));
});

t.test('Y4 the audit log is one file of whole lines, and is opened anew for all', async (t) => {
  const scene = await openWorkers(t, { config: { audit: { file: 'audit.jsonl' } } });
  const file = join(scene.directory, 'audit.jsonl');
  const refuse = async (count: number): Promise<void> => {
    const sent = Array.from({ length: count }, (_, index) =>
      scene.send('/v2/', { host: `${'a'.repeat(50)}-${index}.${'b'.repeat(60)}.example` }),
    );
    for (const { status } of await Promise.all(sent)) t.equal(status, 421);
  };
  const linesOf = (name: string): Record<string, unknown>[] =>
    readFileSync(name, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  await refuse(60);
  await until(() => linesOf(file).length === 60, 'all are written');
  renameSync(file, `${file}.1`);
  scene.primary.kill('SIGUSR1');
  await until(async () => {
    await refuse(4);
    try {
      return linesOf(file).length > 0;
    } catch {
      return false;
    }
  }, 'the new file is written to');
  await refuse(60);
  const ids = new Set<unknown>();
  await until(() => {
    ids.clear();
    for (const { requestId } of [...linesOf(`${file}.1`), ...linesOf(file)]) ids.add(requestId);
    return ids.size >= 124;
  }, 'none is lost');
  await until(
    async () => (await scene.metric('berth_audit_events_total')) === ids.size,
    'and each is counted once',
  );
});

/** POSIX PIPE_BUF on Linux: what is written at once up to here is never mixed with what another process writes. */
const WHOLE_WRITE_BYTES = 4096;

t.test('Y6 log lines of several processes are whole, whatever a client has them say', async (t) => {
  const scene = await openWorkers(t);
  const long = 'a'.repeat(9000);
  const asks: readonly [string, string | undefined][] = [
    ['/v2/', `${long}.example`],
    [`/v2/${long}/manifests/latest`, undefined],
    [`/v2/${'b/'.repeat(4000)}b/manifests/latest`, undefined],
    [`/v2/contoso/app/manifests/${long}`, undefined],
    [`/v2/contoso/app/blobs/sha256:${long}`, undefined],
    [`/${long}?t=${long}`, undefined],
  ];
  const sent = asks.flatMap(([path, host]) =>
    Array.from({ length: 8 }, () => scene.send(path, host === undefined ? {} : { host })),
  );
  const answers = await Promise.all(sent);
  for (const { headers } of answers) await scene.workerOf(String(headers['x-request-id']));
  const longest = Math.max(...scene.log.map((line) => Buffer.byteLength(JSON.stringify(line))));
  t.ok(longest < WHOLE_WRITE_BYTES, `${longest} bytes`);
});
