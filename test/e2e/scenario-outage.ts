import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Berth, commonFields, DATA_FIELDS, startBerth } from './berth.ts';
import { openCrowd } from './blob-path/crowd.ts';
import type { PullTarget } from './clients/client.ts';
import { startDistribution } from './distribution.ts';
import { HOSTS } from './hosts-file.ts';
import { waitUntil } from './process.ts';
import { sumOf } from './replicas/replicas-scene.ts';
import { expect, expectEqual } from './report.ts';
import { createAccountKey, type Storage, startStorage } from './storage.ts';
import { USERS } from './token-service.ts';
import { bearer, uploadImage } from './upload-image.ts';
import type { World } from './world.ts';

const REPOSITORY = 'public/outage';
const METRICS_PORT = 9481;
/** Bytes that clients have got when storage dies, together, of 300 MB each. */
const UNDER_WAY = 40 * 1024 * 1024;
/** Milliseconds that storage is away, its own start not counted. */
const AWAY_MS = 8000;
const WAIT_MS = 120_000;
const CLIENTS = { daemons: 1, skopeos: 1 };

/** One storage account that is killed in the middle of pulls and comes back with what it had. */
type Account = { current(): Storage; kill(): void; restart(): Promise<void>; end(): Promise<void> };

/** `docker pull` while storage is killed and comes back: with a cache that is cold, and without one. */
export async function outageScenario(world: World): Promise<void> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const directory = join(world.directory, 'outage');
    await mkdir(directory);
    const account = await openAccount(world, directory);
    ends.push(() => account.end());
    const { authority, tokens, programs } = world;
    const distribution = await startDistribution({
      program: programs.registry,
      authority,
      storage: account.current(),
      tokens,
      directory,
      host: HOSTS.outageUpstream,
    });
    ends.push(() => distribution.end());
    await push(world);
    // What is on its disk now is there again after a SIGKILL.
    await account.current().daemon.end();
    await account.restart();
    for (const isCached of [true, false]) {
      const name = isCached ? 'into a cold cache' : 'without a cache';
      await world.report.check(`outage: storage is killed in mid-pull and comes back, ${name}`, () =>
        outageCase(world, account, isCached),
      );
    }
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function openAccount({ authority }: World, directory: string): Promise<Account> {
  const key = createAccountKey();
  const start = () => startStorage(authority, directory, HOSTS.outageStorage, { key });
  let storage = await start();
  return {
    current: () => storage,
    kill: () => void process.kill(storage.daemon.pid, 'SIGKILL'),
    async restart() {
      storage = await start();
    },
    end: () => storage.daemon.end().then(() => undefined),
  };
}

async function push(world: World): Promise<void> {
  const { http, tokens, images } = world;
  const scope = `repository:${REPOSITORY}:pull,push`;
  const authorization = await bearer(http, tokens.realm, tokens.service, scope, ['pusher', USERS.pusher]);
  const where = { registry: HOSTS.outageUpstream.name, repository: REPOSITORY, tag: '1', authorization };
  await uploadImage(http, where, images.big);
}

async function startOutageBerth(world: World, isCached: boolean): Promise<Berth> {
  const directory = join(world.directory, 'outage', isCached ? 'cached' : 'plain');
  await mkdir(directory);
  const common = commonFields(world.authority);
  return startBerth(world.authority, directory, {
    doors: [HOSTS.outageLogin, HOSTS.outageData],
    metricsPort: METRICS_PORT,
    config: {
      ...(isCached && { cache: { directory: join(directory, 'cache'), maxBytes: '1GiB' } }),
      registries: [
        {
          name: 'outage',
          loginServer: HOSTS.outageLogin.name,
          delivery: 'dedicated',
          redirectHosts: common.redirectHosts,
          upstream: { ...common.upstream, url: `https://${HOSTS.outageUpstream.name}` },
          ...DATA_FIELDS,
        },
      ],
    },
  });
}

async function outageCase(world: World, account: Account, isCached: boolean): Promise<string> {
  const berth = await startOutageBerth(world, isCached);
  try {
    const crowd = await openCrowd(world, berth, 'outage', CLIENTS);
    try {
      const image = world.images.big;
      const target = { registry: HOSTS.outageLogin.name, repository: REPOSITORY, tag: '1', image };
      const hosts = [HOSTS.outageLogin.name, HOSTS.outageData.name];
      let away = 0;
      const seen = await world.observer.observe(hosts, async () => {
        const pulls = Promise.allSettled([crowd.pullAll(target)]);
        await waitUntil('the pulls under way', () => isUnderWay(berth), { timeoutMs: WAIT_MS });
        const killedAt = Date.now();
        account.kill();
        await account.current().daemon.end();
        await sleep(AWAY_MS);
        await account.restart();
        away = Date.now() - killedAt;
        const [ended] = await pulls;
        if (ended.status === 'rejected') throw new Error(String(ended.reason));
      });
      expectEqual([seen.refused, seen.asked], [[], []], 'other hosts');
      const resumes = sumOf(await berth.metrics(), 'berth_blob_resumes_total{');
      expect(resumes > 0, 'nothing was under way when storage died');
      await expectOneRequestEach(berth, target);
      return `${crowd.size} clients; storage away for ${(away / 1000).toFixed(1)} s, ${resumes} resumes, one request per blob`;
    } finally {
      await crowd.end();
    }
  } finally {
    await berth.daemon.end();
  }
}

/** Every client has begun its two large layers, and much has come of them. */
async function isUnderWay(berth: Berth): Promise<boolean> {
  const text = await berth.metrics();
  const sent = sumOf(text, 'berth_blob_transmit_bytes_total{');
  const inFlight = sumOf(text, 'berth_http_requests_in_flight{server="data_endpoint"}');
  return sent > UNDER_WAY && inFlight >= 2 * (CLIENTS.daemons + CLIENTS.skopeos);
}

type AccessLine = {
  readonly door?: string;
  readonly method?: string;
  readonly digest?: string;
  readonly outcome?: string;
};

/** By Berth's own log: no client has asked for a layer twice, and each has got it in one body. */
async function expectOneRequestEach(berth: Berth, { image }: PullTarget): Promise<void> {
  const lines = (await berth.readLog()).split('\n').filter((line) => line.startsWith('{'));
  const gets = lines
    .map((line): AccessLine => JSON.parse(line))
    .filter(({ door, method }) => door === 'data_endpoint' && method === 'GET');
  for (const layer of image.manifests.flatMap(({ layers }) => layers)) {
    const outcomes = gets.filter(({ digest }) => digest === layer.digest).map(({ outcome }) => outcome);
    expectEqual(outcomes, ['ok', 'ok'], `requests for ${layer.digest}`);
  }
}
