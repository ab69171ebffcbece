import { join } from 'node:path';
import t from 'tap';
import { digestOf } from '../support/image.ts';
import { startRedis } from '../support/redis.ts';
import { startS3 } from '../support/s3.ts';
import { until } from '../support/until.ts';
import { REPOSITORY } from './scene.ts';
import { askControl, shortDirectory } from './switchable.ts';
import { beginTransfer, openWorkers, sendOnce } from './workers-scene.ts';

const TAG = `/v2/${REPOSITORY}/manifests/latest`;

t.test('Y7, M2, M6 workers of a replica: each with Redis, one store behind their one disk', async (t) => {
  const [redis, s3] = await Promise.all([startRedis(), startS3()]);
  t.teardown(() => Promise.all([redis.close(), s3.close()]));
  const socket = join(shortDirectory(t), 'admin.sock');
  const scene = await openWorkers(t, {
    registry: () => ({ publicProbe: false }),
    config: {
      admin: { socket },
      // Long enough for a machine that does many things at once.
      state: { url: redis.url, timeoutMilliseconds: 2000 },
      cache: {
        directory: 'cache',
        store: {
          kind: 's3',
          url: s3.url,
          bucket: s3.bucket,
          prefix: 'workers/',
          credentialsFile: s3.credentialsFile,
        },
      },
    },
  });
  const { blobPath, digest, registry, storage } = scene;
  await until(async () => (await scene.metric('berth_state_available')) === 1, 'all have Redis');
  const mine = { headers: { authorization: 'Bearer a' } };
  t.equal(digestOf((await scene.send(blobPath, mine)).body), digest);
  await until(
    async () => (await scene.metric('berth_state_operations_total', 'operation="keep",result="ok"')) >= 1,
    'Redis was told',
  );
  const asked = registry.count('blob');
  for (const { body } of (await scene.sendToEach(blobPath, mine)).values()) t.equal(digestOf(body), digest);
  t.equal(registry.count('blob'), asked, 'what one has been allowed counts at the other');
  await until(
    async () => (await scene.metric('berth_shared_uploads_total', 'result="stored"')) === 1,
    'the store has it',
  );

  const fetched = storage.requests.length;
  await until(async () => {
    const removal = await askControl<{ result: string }>(socket, 'DELETE', `/v1/cache/blobs/${digest}`);
    return removal.document.result === 'removed';
  }, 'nobody reads it any more, and it is removed');
  for (const { body } of (await scene.sendToEach(blobPath, mine)).values()) t.equal(digestOf(body), digest);
  t.equal(storage.requests.length, fetched, 'from the store');

  await redis.kill();
  await until(async () => (await scene.metric('berth_state_available')) === 0, 'it is noticed');
  for (const { body } of (await scene.sendToEach(blobPath, mine)).values()) t.equal(digestOf(body), digest);
});

t.test('Y4, K3 what the control socket removes is found at no worker', async (t) => {
  const socket = join(shortDirectory(t), 'admin.sock');
  const scene = await openWorkers(t, { config: { admin: { socket } } });
  const { blobPath, digest, storage } = scene;
  for (const { body } of (await scene.sendToEach(blobPath)).values()) t.equal(digestOf(body), digest);
  await until(async () => {
    const { document } = await askControl<{ blobs: { digest: string }[] }>(socket, 'GET', '/v1/cache/blobs');
    return document.blobs.length === 1 && document.blobs[0]?.digest === digest;
  }, 'it is listed');
  t.same((await askControl(socket, 'POST', `/v1/cache/blobs/${digest}/verify`)).document, { result: 'ok' });
  t.match(await askControl(socket, 'GET', '/v1/registries/contoso/regions'), { status: 200 });
  await until(async () => {
    const removal = await askControl<{ result: string }>(socket, 'DELETE', `/v1/cache/blobs/${digest}`);
    return removal.document.result === 'removed';
  }, 'it is removed once the workers have let go');
  const before = storage.requests.length;
  for (const { body } of (await scene.sendToEach(blobPath)).values()) t.equal(digestOf(body), digest);
  t.ok(storage.requests.length > before, 'it was fetched again');
});

t.test('Y6 the console shows what is under way and refused at all of them', async (t) => {
  const scene = await openWorkers(t, {
    blobBytes: 32 * 1024 * 1024,
    config: { console: { address: '127.0.0.1', port: 0 } },
  });
  const page = async (): Promise<string> =>
    (await sendOnce(scene.consolePort, 'localhost', '/', {})).body.toString();
  const all: Awaited<ReturnType<typeof beginTransfer>>[] = [];
  while (all.length < 6) all.push(await beginTransfer(scene));
  await until(async () => /<dt>Transfers<\/dt><dd>6</.test(await page()), 'all transfers are there');
  for (const { go } of all) go();
  for (const { ended } of all) t.ok((await ended).isComplete);
  await scene.sendToEach('/v2/', { host: 'other.example' });
  await until(async () => /unknown_host|host/.test(await page()), 'the refusals are there');
});

t.test('Y8 a budget at the upstream is one for all workers', async (t) => {
  const limits = { concurrency: 100, requestsPerMinute: 6, queueLength: 1000, queueSeconds: 1 };
  const scene = await openWorkers(t, {
    registry: () => ({ publicProbe: false, authorizationTtlSeconds: 0 }),
    upstream: { limits },
  });
  const statuses: number[] = [];
  const workers = new Set<number>();
  for (let time = 0; time < 14; time += 1) {
    const { status, headers } = await scene.send(TAG, { method: 'HEAD' });
    statuses.push(status);
    workers.add(await scene.workerOf(String(headers['x-request-id'])));
  }
  t.same(workers, new Set([1, 2]), 'both were asked');
  const allowed = statuses.filter((status) => status === 200).length;
  t.equal(allowed, 6, statuses.join(' '));
  t.equal(scene.registry.count('manifest'), 6);
});

t.test('Y8 a 429 that one worker has heard holds at the other', async (t) => {
  const scene = await openWorkers(t, {
    registry: () => ({ publicProbe: false, authorizationTtlSeconds: 0 }),
  });
  scene.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'manifest') return false;
    response.writeHead(429, { 'retry-after': '50', 'content-length': 0 });
    response.end();
    return true;
  };
  t.equal((await scene.send(TAG, { method: 'HEAD' })).status, 429);
  await until(async () => {
    const before = scene.registry.count('manifest');
    const answers = await scene.sendToEach(TAG, { method: 'HEAD' });
    return (
      [...answers.values()].every(
        ({ status, headers }) => status === 429 && Number(headers['retry-after']) > 10,
      ) && scene.registry.count('manifest') === before
    );
  }, 'neither asks any more');
});

t.test('Y6 counters and histograms only grow, whoever is killed and scraped meanwhile', async (t) => {
  const scene = await openWorkers(t);
  const read = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await scene.scrape();
    const types = new Map(
      Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]),
    );
    const grows = (series: string): boolean => {
      const name = series.replace(/[{ ].*/, '');
      return (
        types.get(name) === 'counter' || types.get(name.replace(/_(?:bucket|sum|count)$/, '')) === 'histogram'
      );
    };
    return new Map(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#') && grows(line))
        .map(
          (line) =>
            [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))] as const,
        ),
    );
  };
  let last = await read();
  const shrunk: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(Array.from({ length: 10 }, () => scene.send('/v2/').catch(() => undefined)));
    if (round % 2 === 1) {
      const number = (round % 4) / 2 < 1 ? 1 : 2;
      // It may still be the one that was killed before.
      await until(() => runs(scene.pids().get(number)), 'there is one to kill');
      const pid = scene.pids().get(number) as number;
      process.kill(pid, 'SIGKILL');
      if (round === 5) await until(() => scene.pids().get(number) !== pid, 'it is replaced');
    }
    const now = await read();
    for (const [series, value] of last) if ((now.get(series) ?? -1) < value) shrunk.push(series);
    last = now;
  }
  t.same(shrunk, []);
  t.ok((last.get('berth_worker_restarts_total') ?? 0) >= 1);
  t.ok([...last.keys()].some((series) => series.startsWith('berth_http_request_duration_seconds_bucket')));
});

function runs(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
