import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openScene } from './scene.ts';
import { shortDirectory, startSwitchable } from './switchable.ts';

const DATA_ENDPOINT = /^https:\/\/contoso\.eastus\.data\.registry\.example\//;
const OFF = { delivery: 'passthrough' } as const;

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
