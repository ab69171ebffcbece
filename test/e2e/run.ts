import { readFile } from 'node:fs/promises';
import { createTestAuthority } from '../support/ca.ts';
import { startDistribution } from './distribution.ts';
import { buildImages, pushImages } from './images.ts';
import { createObserver } from './observe.ts';
import { createReport } from './report.ts';
import { directScenario } from './scenario-direct.ts';
import { startStorage } from './storage.ts';
import { startTokenService } from './token-service.ts';
import { createHttp } from './upload-image.ts';
import type { Settings, World } from './world.ts';

// The inner half, inside the servers' network namespace: starts the servers, runs the scenarios, ends what it started.

const [settingsFile = '', ...only] = process.argv.slice(2);
const settings: Settings = JSON.parse(await readFile(settingsFile, 'utf8'));
const report = createReport((line) => console.log(line));
const ends: (() => Promise<unknown>)[] = [];

async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) {
    await end().catch((error: unknown) => report.say(`while ending: ${String(error)}`));
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    report.say(`${signal}: ending`);
    void endAll().finally(() => process.exit(1));
  });
}

const SCENARIOS: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  ['direct', directScenario],
];

try {
  const { directory, programs, network } = settings;
  const authority = await createTestAuthority();
  ends.push(() => authority.remove());
  const storage = await startStorage(authority, directory);
  ends.push(() => storage.daemon.end());
  const tokens = await startTokenService(authority);
  ends.push(() => tokens.close());
  const distribution = await startDistribution({
    program: programs.registry,
    authority,
    storage,
    tokens,
    directory,
  });
  ends.push(() => distribution.end());
  const http = createHttp(authority);
  ends.push(async () => http.close());
  report.say('Azurite, token service and distribution are up');
  const images = buildImages();
  await pushImages(http, tokens, images);
  report.say('images are pushed');
  const world: World = {
    ...settings,
    report,
    authority,
    http,
    tokens,
    images,
    observer: createObserver(network.clients),
  };
  for (const [name, scenario] of SCENARIOS) {
    if (only.length === 0 || only.includes(name)) await scenario(world);
  }
} catch (error) {
  report.fail('set-up', error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await endAll();
}
process.exitCode = report.finish() ? 0 : 1;
