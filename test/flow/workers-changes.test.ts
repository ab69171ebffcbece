import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { MigrationReport } from '../../src/endpoints/migration-report.ts';
import { formatTicketKeys, generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { digestOf } from '../support/image.ts';
import { until } from '../support/until.ts';
import { askControl, shortDirectory } from './switchable.ts';
import { beginTransfer, isAlive, openWorkers } from './workers-scene.ts';

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

t.test('Y4 R3 a transfer and its fill go on although their registry is removed at all of them', async (t) => {
  const scene = await openWorkers(t, { blobBytes: 64 * 1024 * 1024 });
  const { blobPath, digest } = scene;
  const transfers = [await beginTransfer(scene), await beginTransfer(scene)];
  t.equal(await scene.metric('berth_fills_in_flight'), 1, 'it waits for its readers');
  scene.rewrite((config) => {
    const [registry] = config['registries'] as Record<string, unknown>[];
    Object.assign(registry ?? {}, { name: 'other', loginServer: 'other.localhost' });
  });
  scene.primary.kill('SIGHUP');
  await until(async () => {
    const answers = await scene.sendToEach(blobPath);
    return [...answers.values()].every(({ status }) => status === 421);
  }, 'no worker knows the registry any more');
  for (const { go } of transfers) go();
  for (const { ended } of transfers) {
    const { isComplete, body } = await ended;
    t.equal(isComplete, true);
    t.equal(digestOf(body), digest);
  }
  await until(async () => (await scene.metric('berth_fills_in_flight')) === 0, 'the fill has ended');
  t.equal(await scene.metric('berth_fills_total', 'result="published"'), 1);
});

t.test('Y4 R4 what needs a restart takes back nothing that was taken up before it', async (t) => {
  const listener = { address: '127.0.0.1', port: 0, clientAddress: 'xForwardedFor' };
  const scene = await openWorkers(t, {
    config: { listeners: [{ ...listener, trustedProxies: ['192.0.2.0/24'] }] },
  });
  const clients = async (): Promise<unknown[]> => {
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    const answers = await scene.sendToEach('/v2/', { headers });
    const ids = new Set([...answers.values()].map((answer) => answer.headers['x-request-id']));
    return scene.log.filter((line) => ids.has(String(line['requestId']))).map(({ client }) => client);
  };
  t.same(await clients(), ['127.0.0.1', '127.0.0.1']);
  const trusting = { ...listener, trustedProxies: ['127.0.0.1/32'] };
  scene.rewrite((config) => Object.assign(config, { listeners: [trusting] }));
  scene.primary.kill('SIGHUP');
  const told = ['198.51.100.7', '198.51.100.7'];
  await until(async () => String(await clients()) === String(told), 'both trust the other proxy');
  scene.rewrite((config) => {
    const [registry] = config['registries'] as Record<string, unknown>[];
    Object.assign(registry ?? {}, {
      rules: { repositories: [{ action: 'allow', pattern: 'other/**' }] },
    });
    Object.assign(config, { listeners: [trusting, { ...listener, clientAddress: 'socket' }] });
  });
  scene.primary.kill('SIGHUP');
  await until(async () => {
    const answers = await scene.sendToEach(scene.blobPath);
    return [...answers.values()].every(({ status }) => status === 403);
  }, 'the rest is in force at both');
  t.same(await clients(), told, 'a further listener needs a restart');
  const pid = scene.pids().get(1) ?? 0;
  process.kill(pid, 'SIGKILL');
  await until(() => (scene.pids().get(1) ?? pid) !== pid, 'it is replaced');
  t.same(await clients(), told, 'at one that begins now, too');
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
