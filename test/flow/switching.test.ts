import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openScene } from './scene.ts';
import { shortDirectory, startSwitchable } from './switchable.ts';

const DATA_ENDPOINT = /^https:\/\/contoso\.eastus\.data\.registry\.example\//;
const OFF = { delivery: 'passthrough' } as const;

t.test('W1 on and off, in force for the next request, without a restart', async (t) => {
  const scene = await openScene(t);
  const there = await startSwitchable(t, scene, shortDirectory(t), OFF);
  t.equal((await there.pull()).headers.location, scene.storage.url, 'as the configuration says');
  t.equal(await there.berth.metric('berth_data_endpoint_enabled', { registry: 'contoso' }), 0);

  const on = await there.update(true);
  t.equal(on.status, 200);
  t.match(on.document, {
    name: 'contoso',
    loginServer: 'contoso.registry.example',
    dataEndpointEnabled: true,
    dataEndpointHostNames: ['contoso.eastus.data.registry.example'],
    dataEndpoints: [{ region: 'eastus', endpoint: 'contoso.eastus.data.registry.example' }],
    source: 'update',
  });
  t.match((await there.pull()).headers.location, DATA_ENDPOINT);
  t.equal(await there.berth.metric('berth_data_endpoint_enabled', { registry: 'contoso' }), 1);
  t.match(
    there.berth.log.find((line) => line['msg'] === 'data endpoints switched on'),
    { registry: 'contoso', dataEndpointEnabled: true, configured: 'passthrough' },
  );

  const off = await there.update(false);
  t.match(off.document, { dataEndpointEnabled: false, dataEndpointHostNames: [], source: 'configuration' });
  t.equal((await there.pull()).headers.location, scene.storage.url);
  t.ok(there.berth.log.some((line) => line['msg'] === 'data endpoints switched off'));
});

t.test('W1 what can not be switched says why', async (t) => {
  const scene = await openScene(t);
  const rows = [
    [{ delivery: 'inline' }, {}, true, /delivery: inline/],
    [{ delivery: 'inline' }, {}, false, /delivery: inline/],
    [{ ...OFF, dataEndpoint: null, regions: [] }, {}, true, /has no dataEndpoint, no regions in the conf/],
    [OFF, { stateDirectory: null }, true, /has no stateDirectory/],
  ] as const;
  for (const [registry, config, enabled, reason] of rows) {
    const there = await startSwitchable(t, scene, shortDirectory(t), registry, config);
    const refused = await there.update(enabled);
    t.equal(refused.status, 409);
    t.match(refused.document, { error: { code: 'refused', message: reason } });
    const state = await there.ask('GET', '/v1/registries/contoso');
    t.match(state.document, { dataEndpointEnabled: false, source: 'configuration' }, 'nothing has changed');
  }
});

t.test('W2 a transfer under way goes on, and tickets given out before are served', async (t) => {
  const scene = await openScene(t, { blobBytes: 2_000_000 });
  const there = await startSwitchable(t, scene, shortDirectory(t));
  scene.storage.fault = { kind: 'slow', chunkBytes: 64 * 1024, intervalMs: 20 };
  const ticket = (await there.pull()).headers.location ?? '';
  t.match(ticket, DATA_ENDPOINT);
  let ended = false;
  const transfer = there.get(ticket).finally(() => (ended = true));
  while (scene.storage.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal((await there.update(false)).status, 200);
  t.equal((await there.pull()).headers.location, scene.storage.url, 'off for the next request');
  t.equal((await there.update(true)).status, 200);
  t.equal((await there.update(false)).status, 200);
  t.equal(ended, false, 'switched in the middle');
  const whole = await transfer;
  t.equal(whole.status, 200);
  t.ok(whole.body.equals(scene.blob), 'to the last byte');

  scene.storage.fault = null;
  t.ok((await there.get(ticket)).body.equals(scene.blob), 'the ticket of before, while off');
});

t.test('W2 clients that pull while it is switched to and fro all get their blob', async (t) => {
  const scene = await openScene(t);
  const there = await startSwitchable(t, scene, shortDirectory(t));
  const running = new AbortController();
  const seen = { storage: 0, dataEndpoint: 0 };
  const puller = async (): Promise<void> => {
    while (!running.signal.aborted) {
      const { status, headers } = await there.pull();
      const blob = await there.get(headers.location ?? '');
      if (status !== 307 || !blob.body.equals(scene.blob)) throw new Error(`lost: ${status} ${blob.status}`);
      seen[headers.location === scene.storage.url ? 'storage' : 'dataEndpoint'] += 1;
    }
  };
  const pullers = Promise.all(Array.from({ length: 4 }, puller));
  for (const enabled of [false, true, false, true, false]) {
    const before = { ...seen };
    t.equal((await there.update(enabled)).status, 200);
    const kind = enabled ? 'dataEndpoint' : 'storage';
    while (seen[kind] < before[kind] + 8) await new Promise((resolve) => setImmediate(resolve));
  }
  running.abort();
  await t.resolves(pullers);
});

t.test('W3 kept: on disk, private, and in force after a restart', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const first = await startSwitchable(t, scene, directory, OFF);
  t.equal((await first.update(true)).status, 200);
  t.equal(statSync(join(directory, 'state')).mode & 0o777, 0o700);
  t.equal(statSync(join(directory, 'state/settings.json')).mode & 0o777, 0o600);
  t.strictSame(readdirSync(join(directory, 'state')), ['lock', 'settings.json'], 'nothing else is left');
  await first.berth.close();
  const second = await startSwitchable(t, scene, directory, OFF);
  t.match((await second.pull()).headers.location, DATA_ENDPOINT);
  t.equal(await second.berth.metric('berth_data_endpoint_enabled', { registry: 'contoso' }), 1);
  t.match((await second.ask('GET', '/v1/registries/contoso')).document, { source: 'update' });
});

t.test('W3 two quick updates: each whole, the last one stays', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const there = await startSwitchable(t, scene, directory, OFF);
  const updates = [true, false, true].map((enabled) => there.update(enabled));
  const answers = await Promise.all(updates);
  for (const { status } of answers) t.equal(status, 200);
  // Which of requests on three connections comes last is not for the client to know; the state is what the last said.
  const state = (await there.ask<{ dataEndpointEnabled: boolean }>('GET', '/v1/registries/contoso')).document;
  const kept: { version: number; registries: Record<string, unknown> } = JSON.parse(
    readFileSync(join(directory, 'state/settings.json'), 'utf8'),
  );
  t.equal(kept.version, 1);
  t.equal('contoso' in kept.registries, state.dataEndpointEnabled, 'disk and memory say the same');
});

t.test('W3 what can not be kept is not in force', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const there = await startSwitchable(t, scene, directory, OFF);
  mkdirSync(join(directory, 'state/settings.json.tmp/in-the-way'), { recursive: true });
  const failed = await there.update(true);
  t.equal(failed.status, 500);
  t.match(failed.document, { error: { message: /settings\.json can not be written \(.+\): check that/ } });
  t.equal((await there.pull()).headers.location, scene.storage.url);
  t.notOk(existsSync(join(directory, 'state/settings.json')));
});

t.test('W3 a second Berth with the same state is refused, until the first has stopped', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const first = await startSwitchable(t, scene, directory, OFF);
  // A socket of its own, or none: what they share is the state alone.
  for (const admin of [{ socket: join(directory, 'run/other.sock') }, null]) {
    await t.rejects(startSwitchable(t, scene, directory, OFF, { admin }), {
      code: 'settings_in_use',
      message: /state directory .* is in use by another process: stop it, or give each Berth its own/,
    });
  }
  t.equal((await first.update(true)).status, 200, 'the first goes on');
  await first.berth.close();
  const second = await startSwitchable(t, scene, directory, OFF);
  t.match((await second.pull()).headers.location, DATA_ENDPOINT, 'nothing was lost');
});

t.test('W3 what becomes of the file while Berth runs switches nothing', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const there = await startSwitchable(t, scene, directory, OFF);
  await there.update(true);
  const file = join(directory, 'state/settings.json');
  const { config, app, ticketKeys } = there.berth;
  const reload = () =>
    app.reload({ config: () => Promise.resolve(config), ticketKeys: () => Promise.resolve(ticketKeys) });
  rmSync(file);
  await reload();
  t.match((await there.pull()).headers.location, DATA_ENDPOINT, 'gone');
  t.equal((await there.update(false)).status, 200);
  t.equal((await there.update(true)).status, 200);
  const newer = '{"version":2,"registries":{}}';
  writeFileSync(file, newer);
  await reload();
  t.match((await there.pull()).headers.location, DATA_ENDPOINT, 'not understood');
  const refused = await there.update(false);
  t.equal(refused.status, 500);
  t.match(refused.document, { error: { message: /settings\.json can not be used: its version is 2/ } });
  t.equal(readFileSync(file, 'utf8'), newer, 'W5 left as it is');
  t.match((await there.pull()).headers.location, DATA_ENDPOINT, 'not kept, not in force');
  t.match(
    there.berth.log.filter((line) => String(line['msg']).startsWith('data endpoints switched')),
    [
      { registry: 'contoso', dataEndpointEnabled: true },
      { registry: 'contoso', dataEndpointEnabled: false },
      { registry: 'contoso', dataEndpointEnabled: true },
    ],
  );
});

t.test('W4 a change lapses for good when the configuration says something else', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const first = await startSwitchable(t, scene, directory, OFF);
  await first.update(true);
  await first.berth.close();
  const second = await startSwitchable(t, scene, directory, { delivery: 'dedicated' });
  t.match((await second.ask('GET', '/v1/registries/contoso')).document, {
    dataEndpointEnabled: true,
    source: 'configuration',
  });
  t.ok(second.berth.log.some((line) => String(line['msg']).startsWith('kept setting lapsed')));
  await second.berth.close();
  const third = await startSwitchable(t, scene, directory, OFF);
  t.equal((await third.pull()).headers.location, scene.storage.url, 'it does not come back');
  await third.update(true);
  await third.berth.close();
  const other = await startSwitchable(t, scene, directory, {
    ...OFF,
    name: 'other',
    dataEndpoint: 'contoso.{region}.data.registry.example',
  });
  await other.berth.close();
  const again = await startSwitchable(t, scene, directory, OFF);
  t.equal((await again.pull()).headers.location, scene.storage.url, 'nor that of a registry that was gone');
});

t.test('W4 a reload lapses a change as a start does', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const there = await startSwitchable(t, scene, directory, OFF);
  await there.update(true);
  const { config, app, ticketKeys } = there.berth;
  const reload = (delivery: 'dedicated' | 'passthrough') =>
    app.reload({
      config: () =>
        Promise.resolve({
          ...config,
          registries: config.registries.map((registry) => ({ ...registry, delivery })),
        }),
      ticketKeys: () => Promise.resolve(ticketKeys),
    });
  await reload('passthrough');
  t.match((await there.pull()).headers.location, DATA_ENDPOINT, 'the same value: still in force');
  await reload('dedicated');
  await reload('passthrough');
  t.equal((await there.pull()).headers.location, scene.storage.url, 'gone for good');
  t.match(
    there.berth.log.findLast((line) => line['msg'] === 'data endpoints switched off'),
    { registry: 'contoso', configured: 'passthrough', source: 'configuration' },
    'not without a word',
  );
  t.match((await there.ask('GET', '/v1/registries/contoso')).document, { source: 'configuration' });
  // The disk comes after the requests.
  const settled = async () => (await there.berth.metric('berth_data_endpoint_enabled')) === 0;
  const deadline = Date.now() + 5000;
  while (!(await settled())) {
    if (Date.now() > deadline) throw new Error('the metric does not follow within 5 s');
  }
  await there.berth.close();
  const restarted = await startSwitchable(t, scene, directory, OFF);
  t.equal((await restarted.pull()).headers.location, scene.storage.url, 'on disk as well');
});

t.test('W5 settings that can not be understood refuse the start and stay', async (t) => {
  const scene = await openScene(t);
  const entry = {
    dataEndpointEnabled: true,
    overrides: 'passthrough',
    changedAt: '2026-11-24T10:00:00.000Z',
  };
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /it is empty/],
    ['{"version":1,"registries":{"contoso":{"dataEnd', /it is no JSON/],
    ['[]', /it is no JSON object/],
    ['{"version":2,"registries":{}}', /its version is 2, and this Berth knows 1/],
    ['{"version":1}', /"registries" is no object/],
    [
      JSON.stringify({ version: 1, registries: { contoso: { ...entry, changedAt: 'now' } } }),
      /"contoso" is not/,
    ],
    [JSON.stringify({ version: 1, registries: { '../x': entry } }), /is not complete/],
    [' '.repeat(1024 * 1024 + 1), /more than 1048576/],
  ];
  for (const [content, why] of rows) {
    const directory = shortDirectory(t);
    mkdirSync(join(directory, 'state'));
    writeFileSync(join(directory, 'state/settings.json'), content);
    const message = new RegExp(`settings\\.json can not be used: .*${why.source}.*; restore the file`);
    await t.rejects(startSwitchable(t, scene, directory, OFF), { message });
    t.equal(readFileSync(join(directory, 'state/settings.json'), 'utf8'), content, 'left as it is');
    t.notOk(existsSync(join(directory, 'run/admin.sock')));
  }
  const directory = shortDirectory(t);
  mkdirSync(join(directory, 'state/settings.json'), { recursive: true });
  await t.rejects(startSwitchable(t, scene, directory, OFF), { message: /can not be read \(EISDIR\)/ });
});

t.test('W6 a rollout: listed clients and a share get data endpoints, the others the redirect', async (t) => {
  const scene = await openScene(t);
  const rollout = { clients: ['10.1.0.0/16', '2001:db8:1::/48'], percent: 50 };
  const there = await startSwitchable(t, scene, shortDirectory(t), { rollout });
  const isIn = async (from: string) => {
    const { headers } = await there.pull(from);
    if (headers.location !== scene.storage.url) t.match(headers.location, DATA_ENDPOINT);
    return headers.location !== scene.storage.url;
  };
  for (const from of ['10.1.0.1', '10.1.255.255', '2001:db8:1:2::3']) t.ok(await isIn(from), from);
  const others = Array.from({ length: 60 }, (_, index) => `10.2.0.${index}`);
  const first = await Promise.all(others.map(isIn));
  t.ok(first.includes(true) && first.includes(false), 'some in, some out');
  t.strictSame(await Promise.all(others.map(isIn)), first, 'the same each time');
  for (const site of ['2001:db8:2:1', '2001:db8:2:2', '2001:db8:2:3']) {
    t.equal(await isIn(`${site}::1`), await isIn(`${site}:ffff::9`), 'of IPv6 the /64 counts');
  }
  await there.update(false);
  t.notOk(await isIn('10.1.0.1'), 'off is off for all');
});

t.test('W7 the control socket is private, and one that nobody answers on is replaced', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const run = join(directory, 'run');
  mkdirSync(run, { mode: 0o700 });
  const stale = createServer();
  stale.listen(join(run, 'first.sock'));
  await once(stale, 'listening');
  const socket = join(run, 'admin.sock');
  linkSync(join(run, 'first.sock'), socket);
  await new Promise((resolve) => stale.close(resolve));
  t.ok(existsSync(socket), 'a socket is left behind');
  const there = await startSwitchable(t, scene, directory, OFF);
  t.equal(statSync(socket).mode & 0o777, 0o600);
  t.equal((await there.update(true)).status, 200);
  t.strictSame(readdirSync(run), ['admin.sock'], 'nothing else is left');

  await t.rejects(startSwitchable(t, scene, directory, OFF), {
    message: /another process answers at the control socket .*admin\.sock: stop it, or give each/,
  });
  await t.rejects(startSwitchable(t, scene, directory, { delivery: 'dedicated' }), /another process answers/);
  t.match(
    JSON.parse(readFileSync(join(directory, 'state/settings.json'), 'utf8')),
    { registries: { contoso: { dataEndpointEnabled: true } } },
    'what the first has kept is not touched',
  );
  t.equal((await there.ask('GET', '/v1/registries/contoso')).status, 200, 'the first goes on');
  await there.berth.close();
  t.notOk(existsSync(socket), 'taken away at the end');

  writeFileSync(socket, 'mine');
  await t.rejects(startSwitchable(t, scene, directory, OFF), { message: /something else than a socket/ });
  t.equal(readFileSync(socket, 'utf8'), 'mine');
});

t.test('W8 what the control socket does not know is refused, and nothing is done', async (t) => {
  const scene = await openScene(t);
  const there = await startSwitchable(t, scene, shortDirectory(t), OFF);
  const path = '/v1/registries/contoso';
  const rows = [
    ['PATCH', path, undefined, 400, 'malformed'],
    ['PATCH', path, '{', 400, 'malformed'],
    ['PATCH', path, '{"dataEndpointEnabled":"true"}', 400, 'malformed'],
    ['PATCH', path, '{"dataEndpointEnabled":true,"percent":5}', 400, 'malformed'],
    ['PATCH', path, '[true]', 400, 'malformed'],
    ['PATCH', path, `{"dataEndpointEnabled":true${' '.repeat(5000)}}`, 413, 'too_large'],
    ['PUT', path, '{"dataEndpointEnabled":true}', 405, 'method_not_allowed'],
    ['DELETE', path, undefined, 405, 'method_not_allowed'],
    ['PATCH', `${path}/migration`, '{"dataEndpointEnabled":true}', 405, 'method_not_allowed'],
    ['PATCH', '/v1/registries/fabrikam', '{"dataEndpointEnabled":true}', 404, 'unknown_registry'],
    ['PATCH', '/v2/registries/contoso', '{"dataEndpointEnabled":true}', 404, 'unknown_path'],
    ['GET', '/', undefined, 404, 'unknown_path'],
    ['GET', `${path}/../contoso`, undefined, 404, 'unknown_path'],
  ] as const;
  for (const [method, target, body, status, code] of rows) {
    const answer = await there.ask(method, target, body);
    t.equal(answer.status, status, `${method} ${target}`);
    t.match(answer.document, { error: { code } });
  }
  t.match((await there.ask('GET', path)).document, { dataEndpointEnabled: false });
});

t.test('W9 the report: who still gets storage hosts, who uses data endpoints', async (t) => {
  const scene = await openScene(t);
  const rollout = { clients: ['10.1.0.0/16'], percent: 0 };
  const there = await startSwitchable(t, scene, shortDirectory(t), { rollout });
  await there.pull('10.2.3.4');
  await there.pull('10.2.3.5');
  await there.pull('2001:db8:7:8:9::1');
  const { headers } = await there.pull('10.1.1.1');
  await there.get(headers.location ?? '', '10.1.1.1');
  await there.get((headers.location ?? '').replace(/.$/, '*'), '10.9.9.9');
  const report = await there.report();
  t.match(report, {
    registry: 'contoso',
    dataEndpointEnabled: true,
    total: { storage: { count: 3 }, dataEndpoint: { count: 1 }, arrived: { count: 1 } },
    droppedNetworks: 0,
    verdict: { wildcardRule: 'keep', text: /the rollout covers 0 %/ },
  });
  const byNetwork = Object.fromEntries(report.networks.map((network) => [network.network, network]));
  t.strictSame(
    Object.keys(byNetwork).toSorted(),
    ['10.1.1.0/24', '10.2.3.0/24', '2001:db8:7:8::/64'],
    'a forged ticket is nobody',
  );
  t.match(byNetwork['10.2.3.0/24'], { storage: { count: 2 }, dataEndpoint: { count: 0, lastSeen: null } });
  t.match(byNetwork['10.1.1.0/24'], {
    storage: { count: 0, lastSeen: null },
    dataEndpoint: { count: 1, lastSeen: /^\d{4}-.*Z$/ },
    arrived: { count: 1 },
  });
});
