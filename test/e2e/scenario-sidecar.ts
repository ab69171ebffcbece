import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BERTH_MAIN } from './berth.ts';
import { dockerd } from './clients/dockerd.ts';
import { HOSTS, SUBNET } from './hosts-file.ts';
import { startDaemon, waitUntil } from './process.ts';
import { expectEqual } from './report.ts';
import { createSpace } from './space.ts';
import { type World, withClientSetup } from './world.ts';

const START_TIMEOUT_MS = 30_000;
const PORT = 5000;

/** The form of `serve` that needs no file: beside dockerd on one machine, on loopback, where dockerd wants no TLS. */
export async function sidecarScenario(world: World): Promise<void> {
  await world.report.check('sidecar: dockerd pulls through serve --upstream on its own machine', async () => {
    const directory = await mkdtemp(join(world.directory, 'sidecar-'));
    const space = await createSpace(world.network.clients, directory, world.machinePid);
    const flags = [
      `--upstream=https://${HOSTS.upstream.name}`,
      `--port=${PORT}`,
      `--allow-private=${SUBNET}`,
      `--token-host=${HOSTS.token.name}`,
      '--redirect-host=*.blob.core.windows.net',
    ];
    const logFile = join(directory, 'berth.log');
    const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: world.authority.caFile };
    const argv = space.argv([process.execPath, BERTH_MAIN, 'serve', ...flags]);
    const daemon = await startDaemon('berth serve --upstream', argv, { logFile, env });
    try {
      const ready = async () => (await readFile(logFile, 'utf8')).includes('"msg":"listening"');
      await waitUntil('berth serve --upstream', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
      const registry = `localhost:${PORT}`;
      const target = { registry, repository: 'public/app', tag: '1', image: world.images.app };
      // Berth is on the clients' side here: what is seen is where Berth goes.
      const hosts = [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name];
      const seen = await world.observer.observe(hosts, () =>
        withClientSetup(world, 'dockerd', new Map(), (setup) => dockerd.pull(setup, target)),
      );
      expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
    } finally {
      await daemon.end();
    }
    expectEqual(await daemon.end(), { code: 0, signal: null }, 'end of berth serve --upstream');
    return undefined;
  });
}
