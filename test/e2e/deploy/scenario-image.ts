import { chown, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Berth } from '../berth.ts';
import { berthFiles } from '../client-config.ts';
import { crane } from '../clients/crane.ts';
import { HOSTS, SUBNET } from '../hosts-file.ts';
import { run, waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import { createSpace } from '../space.ts';
import { USERS } from '../token-service.ts';
import { type World, withClientSetup } from '../world.ts';

/** The user that the image names. */
const UID = 65_532;
/** On top of the base, layers unpacked. */
const MAX_BYTES = 40_000_000;
const PORT = 5020;
const REPOSITORY = 'public/berth';
const START_TIMEOUT_MS = 30_000;
const COPY_TIMEOUT_MS = 300_000;

/** What the container finds at `/etc/berth`. */
async function writeSettings(world: World, folder: string): Promise<void> {
  await mkdir(folder);
  await cp(world.authority.caFile, join(folder, 'ca.pem'));
  const config = {
    listeners: [{ address: '127.0.0.1', port: PORT }],
    metrics: { address: '127.0.0.1', port: 9464 },
    ticket: { keyFile: 'ticket.keys' },
    cache: { directory: '/var/cache/berth', minFreeBytes: 0 },
    registries: [
      {
        name: 'contoso',
        loginServer: `localhost:${PORT}`,
        scheme: 'http',
        delivery: 'inline',
        upstream: {
          url: `https://${HOSTS.upstream.name}`,
          tokenHosts: [HOSTS.token.name],
          caFile: 'ca.pem',
          allowedPrivateAddresses: [SUBNET],
        },
        redirectHosts: ['*.blob.core.windows.net'],
      },
    ],
  };
  await writeFile(join(folder, 'berth.yaml'), JSON.stringify(config, null, 2));
  await chown(folder, UID, UID);
}

/** The image that the outer half has built: pushed and pulled through Berth, then run, and pulled through. */
export async function imageScenario(world: World, berth: Berth): Promise<void> {
  const { report, network, machinePid, observer } = world;
  const { image } = world.prepared;
  if (image === undefined) {
    report.fail('image', 'it was not built');
    return;
  }
  await report.check('image: at most 40 MB on top of its base', async () => {
    const bytes = image.bytes - image.baseBytes;
    expect(bytes > 1_000_000 && bytes <= MAX_BYTES, `${bytes} bytes`);
    return `${(bytes / 1e6).toFixed(1)} MB`;
  });

  const folder = join(world.directory, 'image-run');
  await mkdir(folder);
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  const ownHosts = [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name];
  const reference = `${loginServer}/${REPOSITORY}:1`;
  const space = await createSpace(network.clients, join(folder, 'space'), machinePid);
  for (const [path, text] of await berthFiles(berth, 'podman', 'contoso', world.authority.caFile))
    await space.write(path, text);
  const home = join(folder, 'home');
  await mkdir(home);
  const env = { PATH: process.env['PATH'], HOME: home, TMPDIR: home, XDG_RUNTIME_DIR: home };
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'runroot')];
  const system = ['--storage-driver=vfs', '--tmpdir', join(folder, 'tmp'), '--cgroup-manager=cgroupfs'];
  const podman = (args: readonly string[], allowCodes: readonly number[] = [0]) =>
    run(space.argv([world.programs.podman, ...storage, ...system, '--events-backend=none', ...args]), {
      env,
      allowCodes,
      timeoutMs: COPY_TIMEOUT_MS,
    });

  const isThere = await report.check('image: pushed and pulled through Berth', async () => {
    const to = ['--dest-creds', `pusher:${USERS.pusher}`, `docker://${reference}`];
    const copy = [world.programs.skopeo, 'copy', '--quiet', `docker-archive:${image.archive}`, ...to];
    const seen = await observer.observe(hosts, async () => {
      await run(space.argv(copy), { env, timeoutMs: COPY_TIMEOUT_MS });
      await podman(['pull', '--quiet', reference]);
    });
    expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
    const { stdout } = await podman(['image', 'inspect', '--format', '{{json .Config}}', reference]);
    const config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> } =
      JSON.parse(stdout);
    expectEqual(config.User, `${UID}:${UID}`, 'user');
    expectEqual(config.Labels['org.opencontainers.image.licenses'], 'Apache-2.0', 'label');
    expectEqual(config.Labels['org.opencontainers.image.revision'], image.revision, 'label');
    return undefined;
  });
  if (!isThere) return;

  const settings = join(folder, 'settings');
  const cache = join(folder, 'cache');
  await writeSettings(world, settings);
  await mkdir(cache);
  await chown(cache, UID, UID);
  const flags = [
    '--network=host',
    '--read-only',
    '--read-only-tmpfs=false',
    '--cap-drop=all',
    '--security-opt=no-new-privileges',
    // The machine may not let limits be raised.
    '--ulimit=nofile=8192:8192',
    '--ulimit=nproc=1024:1024',
    `--volume=${settings}:/etc/berth`,
    `--volume=${cache}:/var/cache/berth`,
  ];
  await report.check('image: makes its ticket keys and finds its configuration right', async () => {
    const both = 'berth ticket-key generate && berth check';
    await podman(['run', '--rm', ...flags, '--entrypoint=sh', reference, '-c', both]);
    return undefined;
  });
  await report.check('image: not root, root file system read-only, a pull, healthy', async () => {
    await podman(['run', '--detach', '--name=berth', ...flags, reference]);
    const healthy = async () => (await podman(['healthcheck', 'run', 'berth'], [0, 1])).code === 0;
    await waitUntil('the container', healthy, { timeoutMs: START_TIMEOUT_MS });
    const probe = 'id -u; touch /berth/x 2>&1; cat /proc/1/comm; ls /berth/compile-cache';
    const { stdout } = await podman(['exec', 'berth', 'sh', '-c', probe]);
    expect(stdout.startsWith(`${UID}\n`), stdout);
    expect(stdout.includes('Read-only file system'), stdout);
    expect(stdout.includes(`-${UID}\n`), `compiled code of another user: ${stdout}`);
    const target = { registry: `localhost:${PORT}`, repository: 'public/app', tag: '1' };
    const seen = await observer.observe(ownHosts, () =>
      withClientSetup(world, 'crane', new Map(), (setup) =>
        crane.pull(setup, { ...target, image: world.images.app }),
      ),
    );
    expectEqual(seen, { connected: ownHosts.toSorted(), refused: [], asked: [] }, 'hosts');
    const metrics = `fetch('http://localhost:9464/metrics').then((r) => r.text()).then(console.log)`;
    const { stdout: scraped } = await podman(['exec', 'berth', 'node', '--eval', metrics]);
    expect(scraped.includes(`revision="${image.revision}"`), 'berth_build_info tells no revision');
    return undefined;
  });
  await report.check('image: SIGTERM ends process 1 with exit code 0', async () => {
    await podman(['stop', '--time=30', 'berth']);
    const { stdout } = await podman(['inspect', '--format', '{{.State.ExitCode}}', 'berth']);
    expectEqual(stdout.trim(), '0', 'exit code');
    await podman(['rm', 'berth']);
    return undefined;
  });
}
