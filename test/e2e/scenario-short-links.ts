import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Berth, commonFields, DATA_FIELDS, startBerth } from './berth.ts';
import { openCrowd } from './blob-path/crowd.ts';
import { startDistribution } from './distribution.ts';
import { HOSTS } from './hosts-file.ts';
import { sumOf } from './replicas/replicas-scene.ts';
import { expect, expectEqual } from './report.ts';
import { startFarLine } from './short-links/far-line.ts';
import { type ReSigner, startReSigner } from './short-links/re-signer.ts';
import { startStorage } from './storage.ts';
import { USERS } from './token-service.ts';
import { bearer, createHttp, uploadImage } from './upload-image.ts';
import type { World } from './world.ts';

const REPOSITORY = 'public/short';
const METRICS_PORT = 9482;
const LINK_SECONDS = 5;
const [STORAGE, REGISTRY] = ['127.0.5.1', '127.0.5.2'];

/** Pulls over a slow line by links of five seconds: every large layer outlives several of them. */
export async function shortLinksScenario(world: World): Promise<void> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const { authority, tokens, programs } = world;
    const directory = join(world.directory, 'short-links');
    await mkdir(directory);
    const line = await startFarLine(HOSTS.shortStorage.address, STORAGE);
    ends.push(() => line.close());
    const storage = await startStorage(authority, directory, {
      name: HOSTS.shortStorage.name,
      address: STORAGE,
    });
    ends.push(() => storage.daemon.end());
    const host = HOSTS.shortUpstream;
    const distribution = await startDistribution({
      program: programs.registry,
      authority,
      storage,
      tokens,
      directory,
      host: { name: host.name, address: REGISTRY },
    });
    ends.push(() => distribution.end());
    const registry = await startReSigner({
      authority,
      storage,
      linkSeconds: LINK_SECONDS,
      host,
      behind: REGISTRY,
    });
    ends.push(() => registry.close());
    await push(world);
    line.slowDown();
    for (const isCached of [true, false]) {
      const name = isCached ? 'into a cold cache' : 'without a cache';
      await world.report.check(`short links: they end in the middle of every large layer, ${name}`, () =>
        shortLinksCase(world, registry, isCached),
      );
    }
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function push({ authority, tokens, images }: World): Promise<void> {
  const http = createHttp(authority);
  try {
    const scope = `repository:${REPOSITORY}:pull,push`;
    const authorization = await bearer(http, tokens.realm, tokens.service, scope, ['pusher', USERS.pusher]);
    const where = { registry: HOSTS.shortUpstream.name, repository: REPOSITORY, tag: '1', authorization };
    await uploadImage(http, where, images.crowd);
  } finally {
    http.close();
  }
}

async function startShortBerth(world: World, isCached: boolean): Promise<Berth> {
  const directory = join(world.directory, 'short-links', isCached ? 'cached' : 'plain');
  await mkdir(directory);
  const common = commonFields(world.authority);
  return startBerth(world.authority, directory, {
    doors: [HOSTS.shortLogin, HOSTS.shortData],
    metricsPort: METRICS_PORT,
    config: {
      ...(isCached && { cache: { directory: join(directory, 'cache'), maxBytes: '1GiB' } }),
      registries: [
        {
          name: 'short',
          loginServer: HOSTS.shortLogin.name,
          delivery: 'dedicated',
          redirectHosts: common.redirectHosts,
          upstream: { ...common.upstream, url: `https://${HOSTS.shortUpstream.name}` },
          ...DATA_FIELDS,
        },
      ],
    },
  });
}

async function shortLinksCase(world: World, registry: ReSigner, isCached: boolean): Promise<string> {
  const berth = await startShortBerth(world, isCached);
  try {
    const crowd = await openCrowd(world, berth, 'short', { daemons: 1, skopeos: 1 });
    try {
      const image = world.images.crowd;
      const target = { registry: HOSTS.shortLogin.name, repository: REPOSITORY, tag: '1', image };
      const hosts = [HOSTS.shortLogin.name, HOSTS.shortData.name];
      const before = registry.links();
      const seen = await world.observer.observe(hosts, () => crowd.pullAll(target));
      expectEqual([seen.refused, seen.asked], [[], []], 'other hosts');
      const renewals = sumOf(await berth.metrics(), 'berth_source_renewals_total{result="ok"}');
      expect(renewals > 0, 'no link has ended in the middle of a blob');
      return `${crowd.size} clients; ${renewals} renewals, ${registry.links() - before} links of ${LINK_SECONDS} s`;
    } finally {
      await crowd.end();
    }
  } finally {
    await berth.daemon.end();
  }
}
