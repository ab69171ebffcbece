import type { Berth, RegistryName } from './berth.ts';
import { berthFiles } from './client-config.ts';
import { CLIENTS } from './clients/all.ts';
import { buildkit } from './clients/buildkit.ts';
import type { Client, PullTarget } from './clients/client.ts';
import { containerd } from './clients/containerd.ts';
import { crane } from './clients/crane.ts';
import { crio } from './clients/crio.ts';
import { dockerd } from './clients/dockerd.ts';
import { podman } from './clients/podman.ts';
import { skopeo } from './clients/skopeo.ts';
import { HOSTS } from './hosts-file.ts';
import { expectEqual } from './report.ts';
import { type World, withClientSetup } from './world.ts';

type Case = {
  readonly title: string;
  readonly client: Client;
  readonly registry: RegistryName;
  readonly target: PullTarget;
  /** The hosts that the client must reach, no more and no fewer. */
  readonly hosts: readonly string[];
};

async function pullCase(
  world: World,
  berth: Berth,
  { title, client, registry, target, hosts }: Case,
): Promise<void> {
  await world.report.check(title, async () => {
    // dockerd looks up the index's own name to see whether its address is an insecure one; it never connects to it.
    const asked = client === dockerd && target.registry === 'docker.io' ? ['docker.io'] : [];
    const files = await berthFiles(berth, client.configuration, registry, world.authority.caFile);
    const seen = await world.observer.observe(hosts, () =>
      withClientSetup(world, client.name, files, (setup) => client.pull(setup, target)),
    );
    expectEqual(seen, { connected: [...hosts].toSorted(), refused: [], asked }, 'hosts');
    return `hosts: ${seen.connected.join(' ')}`;
  });
}

/** Each client through `dedicated`, with a firewall that lets through what `berth show-endpoints` prints. */
export async function dedicatedScenario(world: World, berth: Berth): Promise<void> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  const small = { registry: loginServer, repository: 'public/app', tag: '1', image: world.images.app };
  for (const client of [...CLIENTS, buildkit, crio]) {
    const title = `dedicated: ${client.name} pulls through login server and data endpoint`;
    await pullCase(world, berth, { title, client, registry: 'contoso', target: small, hosts });
  }
  const big = { ...small, repository: 'public/big', image: world.images.big };
  const title = 'dedicated: dockerd pulls 300 MB';
  await pullCase(world, berth, { title, client: dockerd, registry: 'contoso', target: big, hosts });
}

/** Clients that are told to use Berth for another registry's name: what is typed does not name Berth at all. */
export async function mirrorScenario(world: World, berth: Berth): Promise<void> {
  const image = world.images.app;
  const dockerHub = { registry: 'docker.io', repository: 'library/app', tag: '1', image };
  const source = { registry: HOSTS.upstream.name, repository: 'public/app', tag: '1', image };
  for (const [client, registry, target] of [
    [dockerd, 'hub', dockerHub],
    [containerd, 'hub', dockerHub],
    [podman, 'hub', dockerHub],
    [containerd, 'contoso', source],
    [skopeo, 'contoso', source],
    [buildkit, 'contoso', source],
    [crio, 'contoso', source],
  ] as const) {
    const { loginServer, dataEndpoints } = await berth.endpoints(registry);
    const title = `mirror: ${client.name} pulls from ${target.registry} through Berth`;
    await pullCase(world, berth, { title, client, registry, target, hosts: [loginServer, ...dataEndpoints] });
  }
}

/** The two deliveries without data endpoints. */
export async function otherDeliveriesScenario(world: World, berth: Berth): Promise<void> {
  const { loginServer } = await berth.endpoints('inline');
  const small = { repository: 'public/app', tag: '1', image: world.images.app };
  await pullCase(world, berth, {
    title: 'inline: dockerd pulls from the login server alone',
    client: dockerd,
    registry: 'inline',
    target: { ...small, registry: loginServer },
    hosts: [loginServer],
  });
  await pullCase(world, berth, {
    title: 'passthrough: crane is sent to the storage host, and that is seen',
    client: crane,
    registry: 'passthrough',
    target: { ...small, registry: HOSTS.passthrough.name },
    hosts: [HOSTS.passthrough.name, HOSTS.storage.name],
  });
}
