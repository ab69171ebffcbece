import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import type { RegistryConfig } from '../../src/config/config.ts';
import { openSettings } from '../../src/endpoints/settings.ts';
import { loadedRegistry } from '../support/config-file.ts';

const OFF = loadedRegistry({ dataEndpointEnabled: false });
const ON = loadedRegistry();

async function open(directory: string | null, registries: readonly RegistryConfig[] = [OFF]) {
  const states: [string, boolean][] = [];
  const settings = await openSettings({
    directory,
    registries,
    inRollout: (_registry, address) => address !== '192.0.2.9',
    log: pino({ level: 'silent' }),
    onState: (name, enabled) => states.push([name, enabled]),
    now: () => Date.parse('2026-11-24T10:00:00.000Z'),
  });
  return { settings, states };
}

t.test('the configuration counts until it is overridden, and again after that', async (t) => {
  const directory = join(t.testdir({}), 'state');
  const { settings, states } = await open(directory);
  t.match(settings.stateOf(OFF), { delivery: 'passthrough', source: 'configuration', changedAt: null });
  t.match(await settings.update(OFF, true), { kind: 'done' });
  t.same(settings.stateOf(OFF), {
    delivery: 'dedicated',
    dataEndpointEnabled: true,
    source: 'update',
    changedAt: '2026-11-24T10:00:00.000Z',
  });
  t.equal(settings.deliveryFor(OFF, '192.0.2.1'), 'dedicated');
  t.equal(settings.deliveryFor(OFF, '192.0.2.9'), 'passthrough', 'not reached by the rollout');
  t.match(await settings.update(OFF, true), { kind: 'done' }, 'again: nothing to do');
  await settings.update(OFF, false);
  t.same(JSON.parse(readFileSync(join(directory, 'settings.json'), 'utf8')), { version: 1, registries: {} });
  t.same(states, [
    ['contoso', false],
    ['contoso', true],
    ['contoso', false],
  ]);
});

t.test('another configuration while it runs lapses what it contradicts, on disk as well', async (t) => {
  const directory = t.testdir({});
  const { settings, states } = await open(directory);
  await settings.update(OFF, true);
  const same = { ...OFF };
  await settings.adopt([same]);
  t.equal(settings.stateOf(same).source, 'update', 'the same value: still in force');
  t.equal(settings.stateOf(ON).source, 'configuration', 'another value: not even before it is adopted');
  await settings.adopt([ON]);
  await settings.adopt([OFF]);
  t.equal(settings.stateOf(OFF).source, 'configuration', 'gone for good');
  const changes = states.filter(([, enabled], index) => enabled !== states[index - 1]?.[1]);
  t.same(
    changes.map(([, enabled]) => enabled),
    [false, true, false],
    'on by the update, off with the last configuration',
  );
  t.equal((await open(directory)).settings.stateOf(OFF).source, 'configuration');
});

t.test('an override of a registry that lost what data endpoints need lapses', async (t) => {
  const directory = t.testdir({});
  await (await open(directory)).settings.update(OFF, true);
  const without = { ...OFF, dataEndpoint: null };
  t.equal((await open(directory, [without])).settings.stateOf(without).delivery, 'passthrough');
});

t.test('updates are taken in turn, however many are asked for at once', async (t) => {
  const directory = t.testdir({});
  const { settings } = await open(directory);
  const wanted = Array.from({ length: 20 }, (_, index) => index % 2 === 0);
  const results = await Promise.all(wanted.map((enabled) => settings.update(OFF, enabled)));
  for (const result of results) t.equal(result.kind, 'done');
  t.equal(settings.stateOf(OFF).dataEndpointEnabled, false, 'the last one');
  t.equal((await open(directory)).settings.stateOf(OFF).dataEndpointEnabled, false);
});

t.test('a failed update does not stand in the way of the next', async (t) => {
  const directory = t.testdir({});
  const { settings } = await open(directory);
  mkdirSync(join(directory, 'settings.json.tmp'));
  await t.rejects(settings.update(OFF, true), { code: 'settings_unwritable' });
  t.equal(settings.stateOf(OFF).dataEndpointEnabled, false);
  rmdirSync(join(directory, 'settings.json.tmp'));
  t.match(await settings.update(OFF, true), { kind: 'done' });
});

t.test('what a crash left behind is of no account', async (t) => {
  const directory = t.testdir({ 'settings.json.tmp': '{"version":1,"regis' });
  const { settings } = await open(directory);
  t.match(await settings.update(OFF, true), { kind: 'done' });
  t.equal((await open(directory)).settings.stateOf(OFF).dataEndpointEnabled, true);
});

t.test('without a state directory only what is already so can be asked for', async (t) => {
  const { settings } = await open(null, [ON]);
  t.match(await settings.update(ON, true), { kind: 'done' });
  t.match(await settings.update(ON, false), { kind: 'refused', reason: /stateDirectory.*: false"/ });
});

t.test('a state directory that is a file', async (t) => {
  const path = join(t.testdir({}), 'state');
  writeFileSync(path, '');
  await t.rejects(open(path), { code: 'settings_unreadable', message: /check owner and mode/ });
});
