import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestImage } from '../../support/image.ts';
import { type Berth, commonFields, startBerth } from '../berth.ts';
import { startDistribution } from '../distribution.ts';
import { CLIENT_ADDRESS, HOSTS } from '../hosts-file.ts';
import type { Daemon } from '../process.ts';
import { startStorage } from '../storage.ts';
import { USERS } from '../token-service.ts';
import { bearer, createHttp, uploadImage } from '../upload-image.ts';
import type { World } from '../world.ts';
import { type Dealer, startDealer } from './dealer.ts';

const METRICS_PORT = 9480;

type Host = { readonly name: string; readonly address: string };

/** One region: a registry name, behind it two distributions, each with an account of its own and the same content. */
export type Region = {
  /** SIGKILL for all of it at once, its name included. */
  kill(): Promise<void>;
};

export type RegionsScene = {
  readonly berth: Berth;
  readonly east: Region;
  /** The clients' own. */
  readonly west: Region;
  end(): Promise<void>;
};

export async function openRegionsScene(
  world: World,
  repository: string,
  image: TestImage,
): Promise<RegionsScene> {
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const each of ends.splice(0).toReversed()) await each();
  };
  try {
    const content = { repository, image };
    const east = await startRegion(
      world,
      { upstream: HOSTS.eastUpstream, storages: [HOSTS.eastStorage1, HOSTS.eastStorage2], loopback: 1 },
      content,
      ends,
    );
    const west = await startRegion(
      world,
      { upstream: HOSTS.westUpstream, storages: [HOSTS.westStorage1, HOSTS.westStorage2], loopback: 2 },
      content,
      ends,
    );
    const berth = await startRegionalBerth(world);
    ends.push(() => berth.daemon.end());
    return { berth, east, west, end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function startRegion(
  world: World,
  where: { readonly upstream: Host; readonly storages: readonly Host[]; readonly loopback: number },
  content: { readonly repository: string; readonly image: TestImage },
  ends: (() => Promise<unknown>)[],
): Promise<Region> {
  const { authority, tokens, programs } = world;
  const { upstream, storages, loopback } = where;
  const daemons: Daemon[] = [];
  const addresses: string[] = [];
  for (const [index, host] of storages.entries()) {
    const directory = join(world.directory, `region-${loopback}-${index}`);
    await mkdir(directory);
    const storage = await startStorage(authority, directory, host);
    daemons.push(storage.daemon);
    ends.push(() => storage.daemon.end());
    const address = `127.0.3.${loopback * 10 + index}`;
    const distribution = await startDistribution({
      program: programs.registry,
      authority,
      storage,
      tokens,
      directory,
      host: { name: upstream.name, address },
    });
    daemons.push(distribution);
    ends.push(() => distribution.end());
    addresses.push(address);
  }
  const dealer = await startDealer(upstream.address, addresses);
  ends.push(() => dealer.end());
  for (const index of addresses.keys()) {
    dealer.only(index);
    await upload(world, upstream.name, content);
  }
  dealer.only(undefined);
  return { kill: () => kill(daemons, dealer) };
}

async function kill(daemons: readonly Daemon[], dealer: Dealer): Promise<void> {
  for (const { pid } of daemons) process.kill(pid, 'SIGKILL');
  await dealer.end();
}

async function upload(
  { authority, tokens }: World,
  registry: string,
  { repository, image }: { readonly repository: string; readonly image: TestImage },
): Promise<void> {
  // Its connections lead to one of the two; the next one's are others.
  const http = createHttp(authority);
  try {
    const scope = `repository:${repository}:pull,push`;
    const credentials = ['pusher', USERS.pusher] as const;
    const authorization = await bearer(http, tokens.realm, tokens.service, scope, credentials);
    await uploadImage(http, { registry, repository, tag: '1', authorization }, image);
  } finally {
    http.close();
  }
}

/** Without a cache: every client has a stream of its own, and each of them is cut. */
async function startRegionalBerth(world: World): Promise<Berth> {
  const directory = join(world.directory, 'regions');
  await mkdir(directory);
  const common = commonFields(world.authority);
  return startBerth(world.authority, directory, {
    doors: [HOSTS.regionsLogin, HOSTS.regionsEast, HOSTS.regionsWest],
    metricsPort: METRICS_PORT,
    config: {
      admin: { socket: join(directory, 'admin.sock') },
      registries: [
        {
          name: 'regions',
          loginServer: HOSTS.regionsLogin.name,
          delivery: 'dedicated',
          redirectHosts: common.redirectHosts,
          upstream: { ...common.upstream, url: `https://${HOSTS.eastUpstream.name}` },
          dataEndpoint: '{registry}.{region}.data.registry.example',
          regions: [
            { name: 'eastus', match: ['eus*.blob.core.windows.net'] },
            {
              name: 'westus',
              match: ['wus*.blob.core.windows.net'],
              upstream: { url: `https://${HOSTS.westUpstream.name}` },
              clients: [`${CLIENT_ADDRESS}/32`],
            },
          ],
        },
      ],
    },
  });
}
