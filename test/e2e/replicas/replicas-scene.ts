import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Berth, commonFields, DATA_FIELDS, startBerth } from '../berth.ts';
import { HOSTS } from '../hosts-file.ts';
import { type Daemon, startDaemon, waitUntil } from '../process.ts';
import { listens } from '../storage.ts';
import type { World } from '../world.ts';
import { type Balancer, type BalancerMode, type ReplicaAddresses, startHaproxy } from './haproxy.ts';
import { type SlowLine, startSlowLine } from './slow-line.ts';

const REDIS_PORT = 6379;
const SHARED_CONTAINER = 'shared';
const CREDENTIALS = 'shared-credentials';
const START_TIMEOUT_MS = 30_000;
const ADDRESSES: readonly ReplicaAddresses[] = [1, 2, 3].map((number) => ({
  address: `127.0.1.${number}`,
  metricsPort: 9570 + number,
}));

/** HAProxy before three Berths with the same keys, a disk cache each, one Redis and one container of shared blobs. */
export type ReplicasScene = {
  readonly berths: readonly Berth[];
  readonly redis: Daemon;
  /** Between the replicas and storage. */
  readonly line: SlowLine;
  /** That before the replicas now. */
  balancer(): Balancer;
  /** Another one in its place, with deploy/haproxy's other file. */
  balance(mode: BalancerMode): Promise<void>;
  /** SIGKILL, as a machine that goes away. */
  kill(berth: Berth): void;
  /** In its place again, its cache as it was. */
  restart(berth: Berth): Promise<void>;
  /** Of all replicas that live, by what each line begins with. */
  sum(series: string): Promise<number>;
  end(): Promise<void>;
};

export async function openReplicasScene(world: World): Promise<ReplicasScene> {
  const directory = join(world.directory, 'replicas');
  await mkdir(directory);
  const { storage } = world;
  await storage.createContainer(SHARED_CONTAINER);
  await writeFile(join(directory, CREDENTIALS), `${storage.account}:${storage.key}\n`);
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const each of ends.splice(0).toReversed()) await each();
  };
  try {
    const line = await startSlowLine();
    ends.push(() => line.close());
    const redis = await startRedis(world, directory);
    ends.push(() => redis.end());
    const berths: Berth[] = [];
    for (const index of ADDRESSES.keys()) {
      berths.push(await startReplica(world, directory, index, index > 0));
      ends.push(async () => berths[index]?.daemon.end());
    }
    const startBalancer = (mode: BalancerMode) =>
      startHaproxy({
        program: world.programs.haproxy,
        mode,
        authority: world.authority,
        directory,
        replicas: ADDRESSES,
      });
    let balancer = await startBalancer('http');
    ends.push(() => balancer.end());
    return {
      berths,
      redis,
      line,
      balancer: () => balancer,
      async balance(mode) {
        await balancer.end();
        balancer = await startBalancer(mode);
      },
      kill: (berth) => void process.kill(berth.daemon.pid, 'SIGKILL'),
      async restart(berth) {
        const index = berths.indexOf(berth);
        await berth.daemon.end();
        berths[index] = await startReplica(world, directory, index, true);
      },
      async sum(series) {
        const texts = await Promise.all(berths.map((berth) => berth.metrics().catch(() => '')));
        return texts.reduce((total, text) => total + sumOf(text, series), 0);
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function startRedis(world: World, directory: string): Promise<Daemon> {
  const args = ['--port', String(REDIS_PORT), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const daemon = await startDaemon('redis', [world.programs.redis, ...args], {
    logFile: join(directory, 'redis.log'),
    cwd: directory,
  });
  await waitUntil('redis', () => listens('127.0.0.1', REDIS_PORT), { daemon, timeoutMs: START_TIMEOUT_MS });
  return daemon;
}

async function startReplica(
  world: World,
  directory: string,
  index: number,
  hasKeys: boolean,
): Promise<Berth> {
  const addresses = ADDRESSES[index];
  if (addresses === undefined) throw new Error('there are three');
  const own = join(directory, `berth-${index}`);
  await mkdir(own, { recursive: true });
  return startBerth(world.authority, own, {
    doors: [{ name: HOSTS.replicasLogin.name, alias: HOSTS.replicasData.name, address: addresses.address }],
    metricsPort: addresses.metricsPort,
    listener: { clientAddress: 'proxyProtocol', trustedProxies: ['127.0.0.0/8'] },
    hasKeys,
    config: {
      ticket: { keyFile: join(directory, 'ticket.keys') },
      // Long enough for a machine that does many things at once: a Redis that answers late counts as away.
      state: { url: `redis://127.0.0.1:${REDIS_PORT}`, timeoutMilliseconds: 2000 },
      cache: {
        directory: join(own, 'cache'),
        maxBytes: '4GiB',
        store: {
          kind: 'azure-blob',
          url: `https://${world.storage.host}/${SHARED_CONTAINER}`,
          credentialsFile: join(directory, CREDENTIALS),
          caFile: world.authority.caFile,
        },
      },
      registries: [
        {
          name: 'replicas',
          loginServer: HOSTS.replicasLogin.name,
          delivery: 'dedicated',
          ...commonFields(world.authority),
          ...DATA_FIELDS,
        },
      ],
    },
  });
}

/** The sum of all series of a metrics text that begin so. */
export function sumOf(text: string, series: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(series))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
