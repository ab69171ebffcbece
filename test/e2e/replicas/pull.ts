import { berthFiles } from '../client-config.ts';
import type { Client, PullTarget } from '../clients/client.ts';
import { HOSTS } from '../hosts-file.ts';
import { type World, withClientSetup } from '../world.ts';
import type { ReplicasScene } from './replicas-scene.ts';

export function target(world: World, name: 'app' | 'big' | 'crowd'): PullTarget {
  const image = world.images[name];
  return { registry: HOSTS.replicasLogin.name, repository: `public/${name}`, tag: '1', image };
}

export async function pull(
  world: World,
  scene: ReplicasScene,
  client: Client,
  wanted: PullTarget,
): Promise<void> {
  const [any] = scene.berths;
  if (any === undefined) throw new Error('there are three');
  const files = await berthFiles(any, client.configuration, 'replicas', world.authority.caFile);
  await withClientSetup(world, client.name, files, (setup) => client.pull(setup, wanted));
}
