import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { MigrationReport } from '../../src/endpoints/migration-report.ts';
import { formatTicketKeys, generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { until } from '../support/until.ts';
import { REPOSITORY } from './scene.ts';
import { askControl, shortDirectory } from './switchable.ts';
import { openWorkers, type WorkersScene } from './workers-scene.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A transfer that has begun and stands still until `go`. */
async function beginTransfer(scene: WorkersScene) {
  const { promise: gone, resolve: go } = Promise.withResolvers<void>();
  const { promise: answered, resolve: onAnswered } = Promise.withResolvers<string>();
  const ended = scene.send(scene.blobPath, {
    onAnswered: (headers) => onAnswered(String(headers['x-request-id'])),
    readAfter: gone,
  });
  const requestId = await answered;
  return { requestId, go, ended };
}

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
  t.ok(fetched <= 1.01 * blob.length, `${fetched} bytes for ${blob.length}`);
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
    const scene = await openWorkers(t, { blobBytes: 64 * 1024 * 1024 });
    const { blob, blobPath, digest } = scene;
    const all: Awaited<ReturnType<typeof beginTransfer>>[] = [];
    // The access line comes at the end of a transfer, so both workers are known by how many have begun.
    while (all.length < 12) all.push(await beginTransfer(scene));
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

t.test('Y4 a reload and new keys reach every worker, also one that is started later', async (t) => {
  const scene = await openWorkers(t);
  scene.rewrite((config) => {
    const [registry] = config['registries'] as Record<string, unknown>[];
    Object.assign(registry ?? {}, {
      rules: { repositories: [{ action: 'allow', pattern: 'other/**' }] },
    });
  });
  scene.primary.kill('SIGHUP');
  await until(
    () => scene.log.some(({ msg, part }) => msg === 'reloaded' && part === 'configuration'),
    'it is reloaded',
  );
  await until(async () => {
    const answers = await scene.sendToEach(scene.blobPath);
    return [...answers.values()].every(({ status }) => status === 403);
  }, 'the rule is in force at both');
  t.equal(
    await scene.metric('berth_config_reloads_total', 'part="configuration",result="applied"'),
    1,
    'counted once',
  );
  const pid = scene.pids().get(2) ?? 0;
  process.kill(pid, 'SIGKILL');
  await until(() => (scene.pids().get(2) ?? pid) !== pid, 'it is replaced');
  const later = await scene.sendToEach(scene.blobPath);
  t.same(
    [...later.values()].map(({ status }) => status),
    [403, 403],
  );
  writeFileSync(scene.configFile, '{');
  scene.primary.kill('SIGHUP');
  await until(
    async () => (await scene.metric('berth_config_reloads_total', 'result="rejected"')) >= 1,
    'it is rejected',
  );
  t.same(
    [...(await scene.sendToEach(scene.blobPath)).values()].map(({ status }) => status),
    [403, 403],
  );
});

t.test('Y4 keys and switches are in force at both when whoever asked is told', async (t) => {
  const socket = join(shortDirectory(t), 'admin.sock');
  const data = 'contoso.eastus.data.localhost';
  const scene = await openWorkers(t, {
    config: { admin: { socket } },
    registry: (storagePort) => ({
      delivery: 'passthrough',
      dataEndpoint: '{registry}.{region}.data.localhost',
      regions: [{ name: 'eastus', match: [`localhost:${storagePort}`] }],
    }),
  });
  const { blobPath, storage, blob } = scene;
  const locations = async (): Promise<string[]> => {
    const answers = await scene.sendToEach(blobPath);
    return [...answers.values()].map(({ headers }) => String(headers.location));
  };
  t.same(await locations(), [storage.url, storage.url]);
  const change = JSON.stringify({ dataEndpointEnabled: true });
  const { status } = await askControl(socket, 'PATCH', '/v1/registries/contoso', change);
  t.equal(status, 200);
  const links = (await locations()).map((location) => new URL(location));
  for (const { host } of links) t.equal(host, data);
  for (const { search } of links) {
    for (const answer of (await scene.sendToEach(`/${search}`, { host: data })).values()) {
      t.ok(answer.body.equals(blob), 'a link of either opens at either');
    }
  }
  const report = await askControl<MigrationReport>(socket, 'GET', '/v1/registries/contoso/migration');
  t.match(report.document, { registry: 'contoso' });
  const keyFile = join(scene.directory, 'ticket.keys');
  writeFileSync(keyFile, formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  scene.primary.kill('SIGHUP');
  const [link] = links;
  await until(async () => {
    const answers = await scene.sendToEach(`/${link?.search}`, { host: data });
    return [...answers.values()].every((answer) => answer.status === 403);
  }, 'a link of the keys before opens at none');
});

t.test('Y5 SIGTERM lets what is under way at any worker end', async (t) => {
  const scene = await openWorkers(t, { blobBytes: 32 * 1024 * 1024 });
  const all = await Promise.all(Array.from({ length: 8 }, () => beginTransfer(scene)));
  const pids = [...scene.pids().values()];
  scene.primary.kill('SIGTERM');
  await until(async () => {
    try {
      await scene.send('/v2/');
      return false;
    } catch {
      return true;
    }
  }, 'nobody new is let in');
  for (const { go } of all) go();
  for (const { ended } of all) {
    const { isComplete, body } = await ended;
    t.ok(isComplete);
    t.equal(digestOf(body), scene.digest);
  }
  const [code] = await once(scene.primary, 'exit');
  t.equal(code, 0);
  t.notOk(pids.some(isAlive), 'none is left');
});

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
