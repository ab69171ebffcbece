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
