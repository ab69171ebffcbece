import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestImage } from '../../support/image.ts';
import { type Output, run, startDaemon, waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import { createSpace } from '../space.ts';
import { type Client, type ClientSetup, nativeManifest } from './client.ts';
import { verifyUnpacked } from './verify.ts';

const START_TIMEOUT_MS = 60_000;

export type Dockerd = {
  docker(args: readonly string[], input?: string): Promise<Output>;
  readonly dataRoot: string;
  end(): Promise<void>;
};

/** Debian's dockerd with its own containerd, state and configuration; it reads `/etc/docker` of its own space. */
export async function startDockerd(setup: ClientSetup): Promise<Dockerd> {
  const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
  for (const [path, text] of setup.files) await space.write(path, text);
  const folder = (name: string) => join(setup.directory, name);
  for (const name of ['data', 'exec', 'home']) await mkdir(folder(name), { recursive: true });
  const env = { PATH: process.env['PATH'], HOME: folder('home'), DOCKER_CONFIG: folder('home') };
  const socket = join(setup.directory, 'docker.sock');
  const flags = [
    '--storage-driver=vfs',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    `--data-root=${folder('data')}`,
    `--exec-root=${folder('exec')}`,
    `--pidfile=${folder('docker.pid')}`,
    `--host=unix://${socket}`,
  ];
  const logFile = join(setup.directory, 'dockerd.log');
  const daemon = await startDaemon('dockerd', space.argv([setup.programs.dockerd, ...flags]), {
    logFile,
    env,
  });
  const docker = (args: readonly string[], input?: string) =>
    run(space.argv([setup.programs.docker, '-H', `unix://${socket}`, ...args]), {
      env,
      ...(input === undefined ? {} : { input }),
    });
  try {
    await waitUntil(
      'dockerd',
      () =>
        access(socket)
          .then(() => docker(['version']))
          .then(() => true),
      {
        daemon,
        timeoutMs: START_TIMEOUT_MS,
      },
    );
  } catch (error) {
    await daemon.end();
    throw error;
  }
  return {
    docker,
    dataRoot: folder('data'),
    async end() {
      await daemon.end();
    },
  };
}

type Inspected = readonly { readonly Id: string; readonly RepoDigests: readonly string[] }[];

/**
 * The daemon's own words about an image agree with what was pushed, and so does what it unpacked. `ownManifest`: the
 * daemon pushed it and wrote a manifest of its own, so only the image id is known beforehand.
 */
export async function verifyDockerImage(
  dockerd: Dockerd,
  reference: string,
  image: TestImage,
  manifests: 'asPushed' | 'ownManifest' = 'asPushed',
): Promise<void> {
  const { stdout } = await dockerd.docker(['image', 'inspect', reference]);
  const [inspected]: Inspected = JSON.parse(stdout);
  const manifest = nativeManifest(image);
  expectEqual(inspected?.Id, manifest.config.digest, 'image id');
  const digests = inspected?.RepoDigests ?? [];
  expect(
    manifests === 'ownManifest' || digests.some((digest) => digest.endsWith(`@${image.index.digest}`)),
    `RepoDigests ${digests.join(' ')} without ${image.index.digest}`,
  );
  await verifyUnpacked(join(dockerd.dataRoot, 'vfs', 'dir'), manifest);
}

export const dockerd: Client = {
  name: 'dockerd',
  configuration: 'docker',
  async pull(setup, target) {
    const daemon = await startDockerd(setup);
    try {
      if (target.credentials !== undefined) {
        const [user, password] = target.credentials;
        await daemon.docker(['login', '-u', user, '--password-stdin', target.registry], password);
      }
      // Docker Hub is the one registry whose host is not typed.
      const host = target.registry === 'docker.io' ? '' : `${target.registry}/`;
      const repository = host === '' ? target.repository.replace(/^library\//, '') : target.repository;
      const reference = `${host}${repository}:${target.tag}`;
      await daemon.docker(['pull', '-q', reference]);
      await verifyDockerImage(daemon, reference, target.image);
    } finally {
      await daemon.end();
    }
  },
};
