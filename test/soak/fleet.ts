import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Berth, commonFields, startBerth } from '../e2e/berth.ts';
import { startDistribution } from '../e2e/distribution.ts';
import { HOSTS } from '../e2e/hosts-file.ts';
import type { Programs } from '../e2e/install.ts';
import { type Daemon, startDaemon, waitUntil } from '../e2e/process.ts';
import { listens, type Storage, startStorage } from '../e2e/storage.ts';
import { startTokenService, type TokenService } from '../e2e/token-service.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';
import { FAULT_KINDS, type FaultKind, type Link, openLink, type Target } from './link.ts';

export const REGISTRY = 'regions';
export const LOGIN = HOSTS.regionsLogin.name;

export type LinkWithKinds = { readonly link: Link; readonly kinds: readonly [FaultKind, ...FaultKind[]] };

/** A Berth of the fleet; its place stays when its process does not. */
export type Replica = {
  readonly name: string;
  readonly berth: () => Berth;
  readonly metricsPort: number;
  readonly cacheDirectory: string;
  /** Undefined while it is dead or starting. */
  readonly pid: () => number | undefined;
  /** SIGKILL. */
  kill(): void;
  /** SIGTERM, as a rolling update does it; throws unless it ends well by itself. */
  stop(): Promise<void>;
  /** In its place again, its cache as it was. */
  restart(): Promise<void>;
  /** What all its processes have logged, one after the other. */
  readLogs(): Promise<string>;
};

/** Three replicas, two regions, their storage, Redis, and a link before each of them. */
export type Fleet = {
  readonly authority: TestAuthority;
  readonly tokens: TokenService;
  /** The first two keep blobs, in a directory each and a container together; the third keeps none. */
  readonly replicas: readonly [Replica, Replica, Replica];
  /** Where the storage of each region is. */
  readonly storages: readonly Storage[];
  readonly links: readonly LinkWithKinds[];
  /** Leads all clients to one replica; undefined: to each in turn. */
  only(index: number | undefined): void;
  /** Removes every shared blob, so that the next who needs one asks a region again. */
  emptyStore(): Promise<void>;
  end(): Promise<void>;
};

const REDIS_PORT = 6379;
const START_TIMEOUT_MS = 60_000;
const SHARED_CONTAINER = 'shared';
const CREDENTIALS = 'shared-credentials';
/** Clients come from both, in turn; the second is the west's. */
const CLIENT_ADDRESSES = ['127.0.9.1', '127.0.9.2'] as const;
/** Where the servers themselves listen; the links stand at the names' own addresses. */
const INNER = {
  token: '127.0.3.1',
  eastStorage: '127.0.3.2',
  westStorage: '127.0.3.3',
  eastUpstream: '127.0.3.4',
  westUpstream: '127.0.3.5',
  redis: '127.0.3.6',
} as const;
const REPLICAS = [1, 2, 3].map((number) => ({
  login: `127.0.1.${number}`,
  east: `127.0.2.${number}`,
  west: `127.0.4.${number}`,
  metricsPort: 9570 + number,
}));

const ALL: readonly [FaultKind, ...FaultKind[]] = FAULT_KINDS;
/** Redis is spoken to in the clear, where a changed byte is a changed value that nobody could notice. */
const NO_GARBAGE: readonly [FaultKind, ...FaultKind[]] = [
  'cut',
  ...FAULT_KINDS.filter((kind) => kind !== 'cut' && kind !== 'garbage'),
];

export async function startFleet(options: {
  readonly programs: Programs;
  readonly directory: string;
  readonly say: (text: string) => void;
}): Promise<Fleet> {
  const { programs, directory, say } = options;
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const each of ends.splice(0).toReversed()) {
      await each().catch((error: unknown) => say(`while ending: ${String(error)}`));
    }
  };
  const links: LinkWithKinds[] = [];
  const addLink = async (
    name: string,
    at: Target,
    targets: readonly [Target, ...Target[]],
    more: { readonly from?: readonly string[]; readonly kinds?: LinkWithKinds['kinds'] } = {},
  ): Promise<Link> => {
    const link = await openLink({ name, at, targets, ...(more.from && { from: more.from }) });
    ends.push(() => link.end());
    links.push({ link, kinds: more.kinds ?? ALL });
    return link;
  };
  const https = (host: string): Target => ({ host, port: 443 });
  try {
    const authority = await createTestAuthority();
    ends.push(() => authority.remove());
    await addLink('token service', https(HOSTS.token.address), [https(INNER.token)]);
    const tokens = await startTokenService(authority, INNER.token);
    ends.push(() => tokens.close());
    const storages: Storage[] = [];
    for (const region of ['east', 'west'] as const) {
      const storageHost = region === 'east' ? HOSTS.eastStorage1 : HOSTS.westStorage1;
      const upstreamHost = region === 'east' ? HOSTS.eastUpstream : HOSTS.westUpstream;
      const own = join(directory, region);
      await mkdir(own);
      const [storageAt, upstreamAt] = [INNER[`${region}Storage`], INNER[`${region}Upstream`]];
      await addLink(`storage ${region}`, https(storageHost.address), [https(storageAt)]);
      const storage = await startStorage(authority, own, { name: storageHost.name, address: storageAt });
      ends.push(() => storage.daemon.end());
      storages.push(storage);
      await addLink(`registry ${region}`, https(upstreamHost.address), [https(upstreamAt)]);
      const distribution = await startDistribution({
        program: programs.registry,
        authority,
        storage,
        tokens,
        directory: own,
        host: { name: upstreamHost.name, address: upstreamAt },
      });
      ends.push(() => distribution.end());
    }
    const redisAt = { host: '127.0.0.1', port: REDIS_PORT };
    await addLink('redis', redisAt, [{ host: INNER.redis, port: REDIS_PORT }], { kinds: NO_GARBAGE });
    const redis = await startRedis(programs, directory);
    ends.push(() => redis.end());
    const [east] = storages;
    if (east === undefined) throw new Error('there are two');
    await east.createContainer(SHARED_CONTAINER);
    await writeFile(join(directory, CREDENTIALS), `${east.account}:${east.key}\n`);
    const place = { authority, directory, store: `https://${east.host}/${SHARED_CONTAINER}` };
    const first = await startReplica(place, 0, ends);
    const second = await startReplica(place, 1, ends);
    const third = await startReplica(place, 2, ends);
    const doors: Link[] = [];
    for (const [name, host, door] of [
      ['login', HOSTS.regionsLogin, 'login'],
      ['data east', HOSTS.regionsEast, 'east'],
      ['data west', HOSTS.regionsWest, 'west'],
    ] as const) {
      const [one, ...others] = REPLICAS.map((replica) => https(replica[door]));
      if (one === undefined) throw new Error('there are replicas');
      doors.push(await addLink(name, https(host.address), [one, ...others], { from: CLIENT_ADDRESSES }));
    }
    return {
      authority,
      tokens,
      replicas: [first, second, third],
      storages,
      links,
      only(index) {
        for (const door of doors) door.only(index);
      },
      emptyStore: () => east.emptyContainer(SHARED_CONTAINER),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function startRedis(programs: Programs, directory: string): Promise<Daemon> {
  const args = ['--port', String(REDIS_PORT), '--bind', INNER.redis, '--save', '', '--appendonly', 'no'];
  const daemon = await startDaemon('redis', [programs.redis, ...args], {
    logFile: join(directory, 'redis.log'),
    cwd: directory,
  });
  await waitUntil('redis', () => listens(INNER.redis, REDIS_PORT), { daemon, timeoutMs: START_TIMEOUT_MS });
  return daemon;
}

type Place = { readonly authority: TestAuthority; readonly directory: string; readonly store: string };

async function startReplica(place: Place, index: number, ends: (() => Promise<unknown>)[]): Promise<Replica> {
  const addresses = REPLICAS[index];
  if (addresses === undefined) throw new Error('there are three');
  const own = join(place.directory, `berth-${index + 1}`);
  await mkdir(own);
  let isUp = false;
  const start = async (hasKeys: boolean): Promise<Berth> => {
    const started = await startBerth(
      place.authority,
      own,
      setupOf(place, own, addresses, hasKeys, index < 2),
    );
    isUp = true;
    return started;
  };
  let berth = await start(index > 0);
  // Each start begins its log file anew.
  let earlierLogs = '';
  ends.push(() => berth.daemon.end());
  return {
    name: `berth ${index + 1}`,
    berth: () => berth,
    metricsPort: addresses.metricsPort,
    cacheDirectory: join(own, 'cache'),
    pid: () => (isUp ? berth.daemon.pid : undefined),
    kill() {
      isUp = false;
      process.kill(berth.daemon.pid, 'SIGKILL');
    },
    async stop() {
      isUp = false;
      const { code, signal } = await berth.daemon.end();
      if (code !== 0) throw new Error(`SIGTERM ended it with ${code ?? signal}`);
    },
    async restart() {
      await berth.daemon.end();
      earlierLogs += await berth.readLog();
      berth = await start(true);
    },
    readLogs: async () => earlierLogs + (await berth.readLog()),
  };
}

function setupOf(
  { authority, directory, store }: Place,
  own: string,
  addresses: (typeof REPLICAS)[number],
  hasKeys: boolean,
  keepsBlobs: boolean,
): Parameters<typeof startBerth>[2] & object {
  const common = commonFields(authority);
  return {
    doors: [
      { name: HOSTS.regionsEast.name, address: addresses.east },
      { name: HOSTS.regionsWest.name, address: addresses.west },
      { name: LOGIN, address: addresses.login },
    ],
    metricsPort: addresses.metricsPort,
    hasKeys,
    config: {
      stateDirectory: join(own, 'state'),
      ticket: { keyFile: join(directory, 'ticket.keys') },
      admin: { socket: join(own, 'admin.sock') },
      // Short enough that stalls of a few seconds are noticed, and that a stuck process is found while the soak runs.
      timeouts: { connectSeconds: 3, headersSeconds: 5, idleSeconds: 5, drainSeconds: 5 },
      readiness: { stuckSeconds: 15 },
      state: `redis://127.0.0.1:${REDIS_PORT}`,
      cache: { memoryMaxBytes: '4MiB', ...(keepsBlobs && blobCache(authority, directory, own, store)) },
      registries: [
        {
          name: REGISTRY,
          loginServer: LOGIN,
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
              clients: [`${CLIENT_ADDRESSES[1]}/32`],
            },
          ],
        },
      ],
    },
  };
}

function blobCache(authority: TestAuthority, directory: string, own: string, store: string) {
  return {
    directory: join(own, 'cache'),
    // Less than there is to pull: blobs come and go all the time.
    maxBytes: '64MiB',
    pieceBytes: '1MiB',
    store: {
      kind: 'azure-blob',
      url: store,
      credentialsFile: join(directory, CREDENTIALS),
      caFile: authority.caFile,
    },
  };
}
