import type { Berth } from './berth.ts';
import { berthFiles } from './client-config.ts';
import { crane } from './clients/crane.ts';
import { startDockerd, verifyDockerImage } from './clients/dockerd.ts';
import { skopeoPush } from './clients/skopeo.ts';
import { expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import { type World, withClientSetup } from './world.ts';

/** Pushes go through the login server and come back; neither may touch a storage host. */
export async function pushScenario(world: World, berth: Berth): Promise<void> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  const credentials = ['pusher', USERS.pusher] as const;
  const from = { registry: loginServer, repository: 'public/app', tag: '1', image: world.images.app };

  await world.report.check('push: skopeo pushes through Berth, crane pulls it back', async () => {
    const to = { ...from, repository: 'pushed/skopeo', tag: '2', credentials };
    const files = await berthFiles(berth, 'podman', 'contoso', world.authority.caFile);
    const seen = await world.observer.observe(hosts, async () => {
      await withClientSetup(world, 'skopeo', files, (setup) => skopeoPush(setup, from, to));
      await withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, to));
    });
    expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
    return 'all platforms, digests unchanged';
  });

  await world.report.check('push: dockerd pushes through Berth and pulls it back', async () => {
    const files = await berthFiles(berth, 'docker', 'contoso', world.authority.caFile);
    const seen = await world.observer.observe(hosts, () =>
      withClientSetup(world, 'dockerd', files, async (setup) => {
        const daemon = await startDockerd(setup);
        try {
          const source = `${loginServer}/${from.repository}:${from.tag}`;
          const copy = `${loginServer}/pushed/dockerd:3`;
          await daemon.docker(
            ['login', '-u', credentials[0], '--password-stdin', loginServer],
            credentials[1],
          );
          await daemon.docker(['pull', '-q', source]);
          await daemon.docker(['tag', source, copy]);
          await daemon.docker(['push', '-q', copy]);
          await daemon.docker(['rmi', source, copy]);
          await daemon.docker(['pull', '-q', copy]);
          await verifyDockerImage(daemon, copy, world.images.app, 'ownManifest');
        } finally {
          await daemon.end();
        }
      }),
    );
    expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
    return 'same image id';
  });
}
