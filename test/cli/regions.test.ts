import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { createControl } from '../../src/admin/control.ts';
import { runCli } from '../../src/cli/create-program.ts';
import { createMigration } from '../../src/endpoints/migration.ts';
import type { WatchedRegion } from '../../src/endpoints/regions-document.ts';
import { openSettings } from '../../src/endpoints/settings.ts';
import { shortDirectory } from '../flow/switchable.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile, loadText } from '../support/config-file.ts';

const REGISTRY = {
  serveRegions: ['eastus'],
  regions: [{ name: 'eastus' }, { name: 'westus', upstream: { url: 'https://west.example' } }],
};
const SINCE = Date.UTC(2026, 2, 2, 9);
const WATCHED: readonly WatchedRegion[] = [
  {
    region: 'eastus',
    state: 'healthy',
    since: SINCE,
    reason: undefined,
    storageHost: undefined,
    lastProbe: undefined,
  },
  {
    region: 'westus',
    state: 'failing',
    since: SINCE,
    reason: 'storage: status 503',
    storageHost: 'wus1.blob.core.windows.net',
    lastProbe: { at: SINCE + 1000, result: 'failed' },
  },
];

async function open(t: Test, watched: readonly WatchedRegion[] | undefined) {
  const directory = shortDirectory(t);
  const socket = join(directory, 'admin.sock');
  const text = JSON.stringify(configFile(REGISTRY, { stateDirectory: directory, admin: { socket } }));
  const config = join(directory, 'berth.yaml');
  writeFileSync(config, text);
  const loaded = loadText(text);
  if (loaded.kind !== 'ok') throw new Error('the configuration has problems');
  const { registries } = loaded.config;
  const log = pino({ level: 'silent' });
  const control = createControl(socket, {
    registries: () => registries,
    settings: await openSettings({
      directory,
      registries,
      inRollout: () => true,
      log,
      onState: () => {},
      now: Date.now,
    }),
    migration: createMigration({ now: Date.now }),
    watchedRegions: () => watched,
    log,
    now: Date.now,
  });
  return {
    listen: async () => {
      await control.listen();
      t.teardown(() => control.close());
    },
    run: async (...args: string[]) => {
      const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
      const exitCode = await runCli(['regions', ...args], deps);
      return { exitCode, ...output };
    },
  };
}

t.test('each region, whether it is used, since when, and why not', async (t) => {
  const { listen, run } = await open(t, WATCHED);
  await listen();
  const json = await run('--name', 'contoso', '-o', 'json');
  t.equal(json.exitCode, 0);
  const document: unknown = JSON.parse(json.stdout);
  t.strictSame(document, {
    registry: 'contoso',
    homeRegion: 'eastus',
    regions: [
      {
        region: 'eastus',
        state: 'healthy',
        since: '2026-03-02T09:00:00.000Z',
        reason: null,
        upstream: 'https://contoso.azurecr.io',
        storageHost: null,
        lastProbe: null,
        dataEndpoint: 'contoso.eastus.data.registry.example',
        served: true,
      },
      {
        region: 'westus',
        state: 'failing',
        since: '2026-03-02T09:00:00.000Z',
        reason: 'storage: status 503',
        upstream: 'https://west.example',
        storageHost: 'wus1.blob.core.windows.net',
        lastProbe: { at: '2026-03-02T09:00:01.000Z', result: 'failed' },
        dataEndpoint: 'contoso.westus.data.registry.example',
        served: false,
      },
    ],
  });
  t.strictSame(parse((await run('-o', 'yaml')).stdout), document);
  t.match(
    (await run()).stdout,
    /^REGION +HOME +STATE .*\neastus +home +healthy .*\nwestus +- +failing .* storage: status 503 /,
  );
  t.match((await run('-o', 'tsv')).stdout, /^eastus\thome\thealthy\t/);
});

t.test('one upstream alone is not watched; no Berth is no answer', async (t) => {
  const { listen, run } = await open(t, undefined);
  t.match(await run(), { exitCode: 1, stderr: /no Berth answers at / });
  await listen();
  t.match(JSON.parse((await run('-o', 'json')).stdout), {
    regions: [{ state: 'not_watched', since: null }, { state: 'not_watched' }],
  });
  t.match(await run('--name', 'x'), { exitCode: 1, stderr: /no registry "x"/ });
  t.match(await run('-o', 'xml'), { exitCode: 2 });
});
