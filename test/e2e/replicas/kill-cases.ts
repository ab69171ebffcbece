import type { Berth } from '../berth.ts';
import { CLIENTS } from '../clients/all.ts';
import type { Client } from '../clients/client.ts';
import { containerd } from '../clients/containerd.ts';
import { crane } from '../clients/crane.ts';
import { dockerd } from '../clients/dockerd.ts';
import { resumingPodman } from '../clients/podman.ts';
import { resumingSkopeo } from '../clients/skopeo.ts';
import { waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import type { World } from '../world.ts';
import { pull, target } from './pull.ts';
import { type ReplicasScene, sumOf } from './replicas-scene.ts';

const WAIT_MS = 120_000;
const MIB = 1024 * 1024;
/** Bytes a second that storage brings: what is under way is still so when the last client has begun. */
const STORAGE_PACE = 4 * MIB;
/** Bytes of the image's blobs that each client has got of a transfer, at least, when its replica is killed. */
const UNDER_WAY_EACH = 64 * 1024;
/** Bytes that the replica to be killed has sent of a running pull by then, where HAProxy sees no requests. */
const UNDER_WAY = 20 * MIB;
const SENT = 'berth_blob_transmit_bytes_total{';

/** Clients that come back by themselves, each with the product that its User-Agent names. */
const RESUMING: readonly { readonly client: Client; readonly agent: string }[] = [
  { client: dockerd, agent: 'docker' },
  { client: containerd, agent: 'containerd' },
  { client: resumingSkopeo, agent: 'skopeo' },
  { client: resumingPodman, agent: 'containers' },
];

/** Every transfer of every client is at one replica, in its middle, and that is killed: each client ends well by itself. */
export async function killCase(world: World, scene: ReplicasScene): Promise<string> {
  const balancer = scene.balancer();
  const [killed] = scene.berths;
  if (killed === undefined) throw new Error('there are three');
  const sent = async () => sumOf(await killed.metrics(), SENT);
  const before = await sent();
  const agents = RESUMING.map(({ agent }) => agent);
  await waitUntil('all three in the balancer', () => balancer.areAllUp(), { timeoutMs: WAIT_MS });
  await balancer.only(0);
  scene.line.pace(STORAGE_PACE);
  const pulls = RESUMING.map(({ client }) => pull(world, scene, client, target(world, 'big')));
  const ended = Promise.allSettled(pulls);
  try {
    const areUnderWay = async (): Promise<boolean> => {
      const counts = await balancer.underWay();
      return agents.every((agent) => (counts.get(agent) ?? 0) > 0) && (await sent()) - before > UNDER_WAY;
    };
    await waitUntil('every client in mid-pull', areUnderWay, { timeoutMs: WAIT_MS });
    await balancer.only(undefined);
    scene.kill(killed);
  } finally {
    scene.line.pace(undefined);
    await balancer.only(undefined);
    await ended;
  }
  const failed = (await ended).flatMap((result, index) =>
    result.status === 'rejected' ? [`${agents[index]}: ${String(result.reason)}`] : [],
  );
  await scene.restart(killed);
  expectEqual(failed, [], 'pulls that failed');
  const cut = (await balancer.requests()).filter(
    ({ server, ending, bytes }) => server === 'one' && ending === 'SD' && bytes > UNDER_WAY_EACH,
  );
  const counts = agents.map((agent) => ({
    agent,
    transfers: cut.filter((request) => request.agent === agent).length,
  }));
  expect(
    counts.every(({ transfers }) => transfers > 0),
    `a client had nothing under way: ${JSON.stringify(counts)}`,
  );
  const note = counts.map(({ agent, transfers }) => `${agent} ${transfers}`).join(', ');
  return `300 MB each; transfers that it took along: ${note}; none was run again`;
}

/** With TLS passed through the kill may hit a token's or a manifest's connection as well, for which no client asks again. */
export async function tcpKillCase(world: World, scene: ReplicasScene): Promise<string> {
  const before = await Promise.all(scene.berths.map(async (berth) => sumOf(await berth.metrics(), SENT)));
  let killed: Berth | undefined;
  const isUnderWay = async (): Promise<boolean> => {
    for (const [index, berth] of scene.berths.entries()) {
      const text = await berth.metrics();
      const sent = sumOf(text, SENT) - (before[index] ?? 0);
      const inFlight = sumOf(text, 'berth_http_requests_in_flight{server="data_endpoint"}');
      if (sent > UNDER_WAY && inFlight > 0) {
        killed = berth;
        scene.kill(berth);
        return true;
      }
    }
    return false;
  };
  const again: string[] = [];
  const pullOut = async (client: Client): Promise<void> => {
    try {
      await pull(world, scene, client, target(world, 'big'));
    } catch {
      // crane, and skopeo and podman of Debian 12, give up at the first body that ends early, whoever serves it; no client asks again for a
      // token or a manifest whose connection is reset, which the kill may hit as well. Their user runs them again, once.
      again.push(client.name);
      await pull(world, scene, client, target(world, 'big'));
    }
  };
  const pulls = CLIENTS.map(pullOut);
  const ended = Promise.allSettled(pulls);
  await waitUntil('a replica in mid-pull', isUnderWay, { timeoutMs: WAIT_MS });
  const failed = (await ended).flatMap((result, index) =>
    result.status === 'rejected' ? [`${CLIENTS[index]?.name}: ${String(result.reason)}`] : [],
  );
  if (killed === undefined) throw new Error('none was killed');
  await scene.restart(killed);
  expectEqual(failed, [], 'pulls that failed');
  expect(again.length < CLIENTS.length, `no client but ${crane.name} has ended well by itself`);
  const note = again.length === 0 ? '' : `; run again by their user: ${again.join(', ')}`;
  return `${CLIENTS.length} clients, 300 MB each${note}`;
}
