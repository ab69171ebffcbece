import { CLIENTS } from './clients/all.ts';
import { handWrittenFiles } from './clients/hand-written.ts';
import { HOSTS } from './hosts-file.ts';
import { expectEqual } from './report.ts';
import { type World, withClientSetup } from './world.ts';

/**
 * Each client past Berth, from the registry itself. It shows that the parts work, and that the observation sees a storage host
 * where a client goes to one: without that, its absence below would say nothing.
 */
export async function directScenario(world: World): Promise<void> {
  const hosts = [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name];
  const registry = HOSTS.upstream.name;
  for (const client of CLIENTS) {
    await world.report.check(`direct: ${client.name} pulls from the registry itself`, async () => {
      const files = await handWrittenFiles(client.configuration, registry, world.authority.caFile);
      const target = { registry, repository: 'public/app', tag: '1', image: world.images.app };
      const seen = await world.observer.observe(hosts, () =>
        withClientSetup(world, client.name, files, (setup) => client.pull(setup, target)),
      );
      expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
      return `hosts: ${seen.connected.join(' ')}`;
    });
  }
}
