import { readFile } from 'node:fs/promises';
import { createTestAuthority } from '../support/ca.ts';
import { type Berth, startBerth } from './berth.ts';
import { deployScenario } from './deploy/scenario-deploy.ts';
import { imageScenario } from './deploy/scenario-image.ts';
import { observeScenario } from './deploy/scenario-observe.ts';
import { packageScenario } from './deploy/scenario-package.ts';
import { startDistribution } from './distribution.ts';
import { buildImages, pushImages } from './images.ts';
import { createObserver } from './observe.ts';
import { CASES_FAILED, createReport } from './report.ts';
import { startResolver } from './resolver.ts';
import { blobPathScenario } from './scenario-blob-path.ts';
import { closedScenario } from './scenario-closed.ts';
import { berthConformanceScenario, directConformanceScenario } from './scenario-conformance.ts';
import { consoleScenario } from './scenario-console.ts';
import { dedicatedScenario, mirrorScenario, otherDeliveriesScenario } from './scenario-dedicated.ts';
import { directScenario } from './scenario-direct.ts';
import { firewallFormatsScenario } from './scenario-firewall-formats.ts';
import { getStartedScenario } from './scenario-get-started.ts';
import { healthScenario } from './scenario-health.ts';
import { hostileScenario } from './scenario-hostile.ts';
import { leaksScenario } from './scenario-leaks.ts';
import { outageScenario } from './scenario-outage.ts';
import { privateScenario } from './scenario-private.ts';
import { processScenario } from './scenario-process.ts';
import { pushScenario } from './scenario-push.ts';
import { regionsScenario } from './scenario-regions.ts';
import { replicasScenario } from './scenario-replicas.ts';
import { shellsScenario } from './scenario-shells.ts';
import { shortLinksScenario } from './scenario-short-links.ts';
import { sidecarScenario } from './scenario-sidecar.ts';
import { symptomsScenario } from './scenario-symptoms.ts';
import { warmScenario } from './scenario-warm.ts';
import { startStorage } from './storage.ts';
import { startTokenService } from './token-service.ts';
import { createHttp } from './upload-image.ts';
import type { Settings, World } from './world.ts';

// The inner half, inside the servers' network namespace: starts the servers, runs the scenarios, ends what it started.

/** Lines of Berth's log that are shown when something failed. */
const SHOWN_LOG_LINES = 30;

const [settingsFile = '', ...only] = process.argv.slice(2);
const settings: Settings = JSON.parse(await readFile(settingsFile, 'utf8'));
const report = createReport((line) => console.log(line));
const ends: (() => Promise<unknown>)[] = [];

async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) {
    await end().catch((error: unknown) => report.say(`while ending: ${String(error)}`));
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    report.fail('run', `ended by ${signal}`);
    void endAll().finally(() => {
      report.finish();
      process.exit(CASES_FAILED);
    });
  });
}

// Without the outer half nobody would clean up after this one.
setInterval(() => {
  if (process.ppid !== settings.machinePid) process.kill(process.pid, 'SIGTERM');
}, 1000).unref();

async function startServers(): Promise<World> {
  const { directory, programs, network } = settings;
  const authority = await createTestAuthority();
  ends.push(() => authority.remove());
  const storage = await startStorage(authority, directory);
  ends.push(() => storage.daemon.end());
  const tokens = await startTokenService(authority);
  ends.push(() => tokens.close());
  const program = programs.registry;
  const distribution = await startDistribution({ program, authority, storage, tokens, directory });
  ends.push(() => distribution.end());
  const resolver = await startResolver();
  ends.push(() => resolver.close());
  const http = createHttp(authority);
  ends.push(async () => http.close());
  report.say('Azurite, token service and distribution are up');
  const images = buildImages();
  await pushImages(http, tokens, images);
  report.say('images are pushed');
  const observer = createObserver(network.clients, resolver);
  const servers = { tokens, storage, registry: distribution, resolver };
  return { ...settings, ...servers, report, authority, http, images, observer };
}

/** Words on the command line choose scenarios; without any, all are run. */
function wanted(name: string): boolean {
  return only.length === 0 || only.includes(name);
}

async function runBerthScenarios(world: World, berth: Berth): Promise<void> {
  // First, while nothing is in a cache.
  if (wanted('blob-path')) await blobPathScenario(world, berth);
  if (wanted('warm')) await warmScenario(world, berth);
  if (wanted('dedicated')) await dedicatedScenario(world, berth);
  if (wanted('mirror')) await mirrorScenario(world, berth);
  if (wanted('other')) await otherDeliveriesScenario(world, berth);
  if (wanted('firewall-formats')) await firewallFormatsScenario(world, berth);
  if (wanted('observe')) await observeScenario(world, berth);
  if (wanted('deploy')) await deployScenario(world);
  if (wanted('package')) await packageScenario(world);
  if (wanted('image')) await imageScenario(world, berth);
  if (wanted('health')) await healthScenario(world, berth);
  if (wanted('shells')) await shellsScenario(world, berth);
  if (wanted('sidecar')) await sidecarScenario(world);
  if (wanted('get-started')) await getStartedScenario(world);
  if (wanted('symptoms')) await symptomsScenario(world, berth);
  if (wanted('push')) await pushScenario(world, berth);
  if (wanted('private')) await privateScenario(world, berth);
  if (wanted('leaks')) await leaksScenario(world, berth);
  if (wanted('closed')) await closedScenario(world, berth);
  if (wanted('hostile')) await hostileScenario(world);
  if (wanted('regions')) await regionsScenario(world);
  if (wanted('replicas')) await replicasScenario(world);
  if (wanted('outage')) await outageScenario(world);
  if (wanted('short-links')) await shortLinksScenario(world);
  if (wanted('console')) await consoleScenario(world, berth);
}

/** Log lines in which Berth itself is unhappy. */
async function complaints(berth: Berth): Promise<string> {
  const lines = (await berth.readLog()).split('\n');
  const unhappy = lines.filter((line) => /"level":"(warn|error|fatal)"|"status":5|^[^{]/.test(line));
  return unhappy.slice(-SHOWN_LOG_LINES).join('\n');
}

try {
  const world = await startServers();
  if (wanted('direct')) await directScenario(world);
  const direct = wanted('conformance') ? await directConformanceScenario(world) : undefined;
  const berth = await startBerth(world.authority, world.directory);
  ends.push(() => berth.daemon.end());
  report.say('Berth is up');
  await runBerthScenarios(world, berth);
  if (wanted('conformance')) await berthConformanceScenario(world, berth, direct);
  if (wanted('process')) await processScenario(world, berth);
  if (report.failed()) console.log(await complaints(berth));
} catch (error) {
  report.fail('set-up', error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await endAll();
}
process.exitCode = report.finish() ? 0 : CASES_FAILED;
