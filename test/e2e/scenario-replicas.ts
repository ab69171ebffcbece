import { openStorageLog } from './blob-path/storage-log.ts';
import { berthFiles } from './client-config.ts';
import { CLIENTS } from './clients/all.ts';
import type { Client } from './clients/client.ts';
import { crane } from './clients/crane.ts';
import { skopeoPush } from './clients/skopeo.ts';
import { HOSTS } from './hosts-file.ts';
import { waitUntil } from './process.ts';
import { killCase, tcpKillCase } from './replicas/kill-cases.ts';
import { pull, target } from './replicas/pull.ts';
import { openReplicasScene, type ReplicasScene, sumOf } from './replicas/replicas-scene.ts';
import { unansweredCase } from './replicas/unanswered-case.ts';
import { expect, expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import { bearer } from './upload-image.ts';
import { type World, withClientSetup } from './world.ts';

const WAIT_MS = 120_000;
/** Most that a cold image may cost storage, in bytes per byte of it, over all replicas. */
const MAX_RATIO = 1.05;

/** Three Berths with shared keys and a Redis behind HAProxy, which deals connections out as they come. */
export async function replicasScenario(world: World): Promise<void> {
  const scene = await openReplicasScene(world);
  const { report } = world;
  try {
    for (const client of CLIENTS) {
      await report.check(`replicas: ${client.name} pulls through three of them`, () =>
        pullCase(world, scene, client),
      );
    }
    await report.check('replicas: what one was allowed is known to all', () => sharedCase(scene));
    await report.check('replicas: pushed and deleted through one, seen through all at once', () =>
      pushCase(world, scene),
    );
    for (const fate of ['hangs', 'killed'] as const) {
      const what = fate === 'hangs' ? fate : `is ${fate}`;
      await report.check(`replicas: one ${what} before it has answered, and no client hears of it`, () =>
        unansweredCase(world, scene, fate),
      );
    }
    await report.check(
      'replicas: one is killed with every pull on it, and each client ends well by itself',
      () => killCase(world, scene),
    );
    await scene.balance('tcp');
    await report.check('replicas: TLS passed through, and one is killed in the middle of five pulls', () =>
      tcpKillCase(world, scene),
    );
    await scene.balance('http');
    await report.check(
      'replicas: every client at once, nothing cached: storage is asked for the image once',
      () => coldCase(world, scene),
    );
    await report.check('replicas: Redis hangs, and is killed, and pulls go on', () =>
      redisCase(world, scene),
    );
  } finally {
    await scene.end();
  }
}

async function pullCase(world: World, scene: ReplicasScene, client: Client): Promise<string> {
  const hosts = [HOSTS.replicasLogin.name, HOSTS.replicasData.name];
  const seen = await world.observer.observe(hosts, () => pull(world, scene, client, target(world, 'app')));
  expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
  return 'every byte verified';
}

async function sharedCase(scene: ReplicasScene): Promise<string> {
  for (const berth of scene.berths) {
    const served = sumOf(await berth.metrics(), 'berth_ticket_verifications_total{result="ok"}');
    expect(served > 0, 'a replica has served no ticket');
  }
  const bad = await scene.sum('berth_ticket_verifications_total{result="unknown_key"}');
  expectEqual(bad, 0, 'tickets of unknown keys');
  const shared = await scene.sum('berth_authorization_decisions_total{result="shared"}');
  expect(shared > 0, 'no decision was taken over');
  return `${shared} decisions taken over`;
}

async function pushCase(world: World, scene: ReplicasScene): Promise<string> {
  const credentials = ['pusher', USERS.pusher] as const;
  const from = target(world, 'app');
  const to = { ...from, repository: 'pushed/replicas', tag: '1', credentials };
  const [any] = scene.berths;
  if (any === undefined) throw new Error('there are three');
  const files = await berthFiles(any, 'podman', 'replicas', world.authority.caFile);
  await withClientSetup(world, 'skopeo', files, (setup) => skopeoPush(setup, from, to));
  await withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, to));
  const login = `https://${HOSTS.replicasLogin.name}`;
  const scope = `repository:${to.repository}:pull,push,delete`;
  const authorization = await bearer(
    world.http,
    `${login}/oauth2/token`,
    world.tokens.service,
    scope,
    credentials,
  );
  const url = `${login}/v2/${to.repository}/manifests/${to.image.index.digest}`;
  // The client keeps one connection, which is one replica; each of these is another one.
  const ask = (method: string) =>
    world.http.send(method, url, { headers: { authorization, connection: 'close' } });
  for (let count = 0; count < 6; count += 1) expectEqual((await ask('GET')).status, 200, 'before');
  expectEqual((await ask('DELETE')).status, 202, 'the delete');
  for (let count = 0; count < 6; count += 1) expectEqual((await ask('GET')).status, 404, 'after');
  return 'pulled at once; deleted, and gone at each';
}

async function coldCase(world: World, scene: ReplicasScene): Promise<string> {
  const wanted = target(world, 'crowd');
  const log = await openStorageLog(world);
  await Promise.all(CLIENTS.map((client) => pull(world, scene, client, wanted)));
  const { bytes, imageBytes, requests } = await log.readsOf(wanted.image);
  const ratio = bytes / imageBytes;
  const note = `storage was asked for ${ratio.toFixed(3)} × the blobs in ${requests} answers`;
  expect(ratio > 0, 'the log of storage has none of the blobs');
  expect(ratio <= MAX_RATIO, `${note}, want at most ${MAX_RATIO}`);
  return `${CLIENTS.length} clients at three replicas; ${note}`;
}

async function redisCase(world: World, scene: ReplicasScene): Promise<string> {
  const { redis } = scene;
  const available = await scene.sum('berth_state_available');
  expect(available > 0, 'no replica has its Redis');
  process.kill(redis.pid, 'SIGSTOP');
  try {
    await pull(world, scene, crane, target(world, 'crowd'));
    // Which operation was the first to be late is chance; from then on its replica does without.
    const isHangNoticed = async () => (await scene.sum('berth_state_available')) < available;
    await waitUntil('a replica that does without Redis', isHangNoticed, { timeoutMs: WAIT_MS });
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  const pulling = pull(world, scene, crane, target(world, 'big'));
  await redis.end();
  await pulling;
  const isNoticed = async () => (await scene.sum('berth_state_available')) === 0;
  await waitUntil('every replica by itself', isNoticed, { timeoutMs: WAIT_MS });
  await pull(world, scene, crane, target(world, 'app'));
  return 'crane, while it hung, as it ended, and without';
}
