import { openCrowd } from './blob-path/crowd.ts';
import { berthFiles } from './client-config.ts';
import { containerd } from './clients/containerd.ts';
import { pullInParallel } from './clients/containerd2.ts';
import { crane } from './clients/crane.ts';
import { HOSTS } from './hosts-file.ts';
import { waitUntil } from './process.ts';
import { openRegionsScene, type RegionsScene } from './regions/regions-scene.ts';
import { expect, expectEqual } from './report.ts';
import { type World, withClientSetup } from './world.ts';

const REPOSITORY = 'public/regions';
/** Bytes that clients have got of the image, together, when the region dies: ten times 60 MB are under way. */
const UNDER_WAY = 40 * 1024 * 1024;
const WAIT_MS = 120_000;

/** Two regions, each a registry with two storage accounts; the clients are in the west, home is the east. */
export async function regionsScenario(world: World): Promise<void> {
  const { report } = world;
  const image = world.images.crowd;
  const scene = await openRegionsScene(world, REPOSITORY, image);
  try {
    await report.check('regions: a client is served from its own', () => ownRegionCase(world, scene));
    await report.check('regions: one dies in the middle of ten pulls, and all ten end well', () =>
      deathCase(world, scene),
    );
    await report.check('regions: berth regions says what is wrong, and pulls go on', () =>
      afterwardsCase(world, scene),
    );
  } finally {
    await scene.end();
  }
}

function target(world: World) {
  return {
    registry: HOSTS.regionsLogin.name,
    repository: REPOSITORY,
    tag: '1',
    image: world.images.crowd,
  };
}

async function ownRegionCase(world: World, scene: RegionsScene): Promise<string> {
  const hosts = [HOSTS.regionsLogin.name, HOSTS.regionsWest.name];
  const seen = await world.observer.observe(hosts, () =>
    withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, target(world))),
  );
  expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
  expectEqual(
    await scene.berth.metrics().then((text) => sumOf(text, 'berth_region_failovers_total{')),
    0,
    'failovers',
  );
  return `through ${HOSTS.regionsWest.name}`;
}

async function deathCase(world: World, scene: RegionsScene): Promise<string> {
  const { berth, west } = scene;
  const sizes = { daemons: 4, skopeos: 4 };
  const crowd = await openCrowd(world, berth, 'regions', sizes);
  try {
    const files = await berthFiles(berth, 'containerd', 'regions', world.authority.caFile);
    const sent = async () => sumOf(await berth.metrics(), 'berth_blob_transmit_bytes_total{');
    const before = await sent();
    const pullAll = async (): Promise<PromiseSettledResult<void>[]> => {
      const pulls = [
        crowd.pullAll(target(world)),
        withClientSetup(world, 'containerd', files, (setup) => containerd.pull(setup, target(world))),
        withClientSetup(world, 'containerd2', files, (setup) => pullInParallel(setup, target(world))),
      ];
      const ended = Promise.allSettled(pulls);
      const isUnderWay = async () => (await sent()) - before > UNDER_WAY;
      await waitUntil('ten pulls under way', isUnderWay, { timeoutMs: WAIT_MS });
      await west.kill();
      return ended;
    };
    let results: PromiseSettledResult<void>[] = [];
    // Both, as `berth show-endpoints` tells the clients' firewall.
    const hosts = [HOSTS.regionsLogin.name, HOSTS.regionsWest.name, HOSTS.regionsEast.name];
    const seen = await world.observer.observe(hosts, async () => {
      results = await pullAll();
    });
    expectEqual([seen.refused, seen.asked], [[], []], 'other hosts');
    const failed = results.filter((pull) => pull.status === 'rejected');
    expectEqual(
      failed.map(({ reason }) => String(reason)),
      [],
      'pulls that failed',
    );
  } finally {
    await crowd.end();
  }
  const metrics = await berth.metrics();
  const resumes = sumOf(metrics, 'berth_blob_resumes_total{');
  const renewals = sumOf(metrics, 'berth_source_renewals_total{result="ok"}');
  expect(resumes > 0 && renewals > 0, 'nothing was under way when the region died');
  return `${sizes.daemons} dockerd, ${sizes.skopeos} skopeo, 2 containerd; ${resumes} resumes, ${renewals} fresh links`;
}

type Shown = {
  readonly regions: readonly {
    readonly region: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
};

async function afterwardsCase(world: World, { berth }: RegionsScene): Promise<string> {
  const show = async (): Promise<Shown['regions']> => {
    const { stdout } = await berth.command(['regions', '--name', 'regions', '-o', 'json']);
    const shown: Shown = JSON.parse(stdout);
    return shown.regions;
  };
  const isLeftOut = async () =>
    (await show()).some(({ region, state }) => region === 'westus' && state === 'failing');
  await waitUntil('the west left out', isLeftOut, { timeoutMs: WAIT_MS });
  const west = (await show()).find(({ region }) => region === 'westus');
  expect((west?.reason ?? '') !== '', 'no reason is given');
  const hosts = [HOSTS.regionsLogin.name, HOSTS.regionsEast.name];
  const seen = await world.observer.observe(hosts, () =>
    withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, target(world))),
  );
  expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
  return `westus: ${west?.reason}; pulled through ${HOSTS.regionsEast.name}`;
}

function sumOf(text: string, series: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(series))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
