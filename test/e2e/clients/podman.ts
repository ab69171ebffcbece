import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process.ts';
import { expectEqual } from '../report.ts';
import { createSpace } from '../space.ts';
import { type Client, type ClientSetup, nativeManifest, type PullTarget } from './client.ts';
import { verifyUnpacked } from './verify.ts';

export const podman: Client = {
  name: 'podman',
  configuration: 'podman',
  pull: (setup, target) => pullAndVerify(setup, target, setup.programs.podman),
};

/** A release that goes on at its byte where a body ends early. */
export const resumingPodman: Client = {
  ...podman,
  pull: (setup, target) =>
    pullAndVerify(setup, target, setup.programs.resuming.podman, setup.programs.resuming.containersConf),
};

async function pullAndVerify(
  setup: ClientSetup,
  target: PullTarget,
  program: string,
  containersConf?: string,
): Promise<void> {
  const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
  for (const [path, text] of setup.files) await space.write(path, text);
  const folder = (name: string) => join(setup.directory, name);
  for (const name of ['home', 'root', 'run', 'tmp']) await mkdir(folder(name), { recursive: true });
  const env = {
    PATH: process.env['PATH'],
    HOME: folder('home'),
    TMPDIR: folder('tmp'),
    ...(containersConf !== undefined && { CONTAINERS_CONF: containersConf }),
  };
  const storage = ['--root', folder('root'), '--runroot', folder('run'), '--storage-driver', 'vfs'];
  const system = ['--tmpdir', folder('tmp'), '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
  const argv = (args: readonly string[]) => space.argv([program, ...storage, ...system, ...args]);
  const reference = `${target.registry}/${target.repository}:${target.tag}`;
  const login = target.credentials === undefined ? [] : ['--creds', target.credentials.join(':')];
  await run(argv(['pull', '-q', ...login, reference]), { env });
  const format = '{{.Id}} {{.Digest}}';
  const { stdout } = await run(argv(['image', 'inspect', '--format', format, reference]), { env });
  const manifest = nativeManifest(target.image);
  const [id, digest] = stdout.trim().split(' ');
  expectEqual(`sha256:${id}`, manifest.config.digest, 'image id');
  expectEqual([target.image.index.digest, manifest.digest].includes(digest ?? ''), true, `digest ${digest}`);
  await verifyUnpacked(join(folder('root'), 'vfs', 'dir'), manifest);
}
