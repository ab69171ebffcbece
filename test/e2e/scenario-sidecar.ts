import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BERTH_MAIN } from './berth.ts';
import type { PullTarget } from './clients/client.ts';
import { dockerd } from './clients/dockerd.ts';
import { HOSTS, SUBNET } from './hosts-file.ts';
import { inNamespace } from './network.ts';
import { type Daemon, run, startDaemon, waitUntil } from './process.ts';
import { expectEqual } from './report.ts';
import { createSpace } from './space.ts';
import { USERS } from './token-service.ts';
import { type World, withClientSetup } from './world.ts';

const START_TIMEOUT_MS = 30_000;
const PORT = 5000;
const REGISTRY = `localhost:${PORT}`;

/** The form of `serve` that needs no file: beside dockerd on one machine, on loopback, where dockerd wants no TLS. */
export async function sidecarScenario(world: World): Promise<void> {
  const { app, alice } = world.images;
  await world.report.check('sidecar: dockerd pulls through serve --upstream on its own machine', () =>
    withSidecar(world, async () => {
      const target = { registry: REGISTRY, repository: 'public/app', tag: '1', image: app };
      const hosts = [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name];
      await pull(world, target, hosts);
      // Another dockerd, which has nothing, and nobody gets to storage any more: it comes from the cache.
      const rule = ['OUTPUT', '-d', HOSTS.storage.address, '-j', 'REJECT'];
      const iptables = (action: string) =>
        run(inNamespace(world.network.clients, ['iptables', action, ...rule]));
      await iptables('-I');
      try {
        await withClientSetup(world, 'dockerd', new Map(), (setup) => dockerd.pull(setup, target));
      } finally {
        await iptables('-D');
      }
    }),
  );
  await world.report.check("sidecar: docker's own credentials go through", () =>
    withSidecar(world, async () => {
      const credentials = ['alice', USERS.alice] as const;
      const target = { registry: REGISTRY, repository: 'alice/secret', tag: '1', image: alice, credentials };
      await pull(world, target, [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name]);
    }),
  );
}

/** Berth is on the clients' side here: what is seen is where Berth goes. */
async function pull(world: World, target: PullTarget, hosts: readonly string[]): Promise<void> {
  const seen = await world.observer.observe(hosts, () =>
    withClientSetup(world, 'dockerd', new Map(), (setup) => dockerd.pull(setup, target)),
  );
  expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
}

/** Runs it as process 1 of a PID namespace, as in a container, and has it end as a container's is ended. */
async function withSidecar(world: World, act: () => Promise<void>): Promise<undefined> {
  const directory = await mkdtemp(join(world.directory, 'sidecar-'));
  const space = await createSpace(world.network.clients, directory, world.machinePid);
  const flags = [
    `--upstream=https://${HOSTS.upstream.name}`,
    `--port=${PORT}`,
    `--allow-private=${SUBNET}`,
    `--token-host=${HOSTS.token.name}`,
    '--redirect-host=*.blob.core.windows.net',
    `--cache=${join(directory, 'cache')}`,
  ];
  const logFile = join(directory, 'berth.log');
  const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: world.authority.caFile };
  const isolated = ['unshare', '--pid', '--fork', '--mount-proc'];
  const argv = space.argv([...isolated, process.execPath, BERTH_MAIN, 'serve', ...flags]);
  const daemon = await startDaemon('berth serve --upstream', argv, { logFile, env });
  try {
    const ready = async () => (await readFile(logFile, 'utf8')).includes('"msg":"listening"');
    await waitUntil('berth serve --upstream', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
    await act();
    const berth = await onlyChild(daemon);
    expectEqual(await pidInside(berth), 1, 'pid inside');
    process.kill(berth, 'SIGTERM');
    const ended = async () => (await readFile(logFile, 'utf8')).includes('"msg":"stopped"');
    await waitUntil('the end of berth serve --upstream', ended, { timeoutMs: START_TIMEOUT_MS });
    // unshare ends with the code of what it ran.
    await waitUntil('its exit', async () => daemon.exited() !== undefined, { timeoutMs: START_TIMEOUT_MS });
    expectEqual(await daemon.end(), { code: 0, signal: null }, 'end of berth serve --upstream');
  } finally {
    if (daemon.exited() === undefined) {
      await onlyChild(daemon).then(
        (pid) => process.kill(pid, 'SIGKILL'),
        () => undefined,
      );
    }
    await daemon.end();
  }
  return undefined;
}

async function onlyChild({ pid }: Daemon): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim());
}

async function pidInside(pid: number): Promise<number> {
  const [, words = ''] = /^NSpid:\s+(.*)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(words.split(/\s+/).at(-1));
}
