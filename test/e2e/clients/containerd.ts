import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, startDaemon, waitUntil } from '../process.ts';
import { createSpace } from '../space.ts';
import { type Client, nativeManifest } from './client.ts';
import { verifyBlobFolder, verifyUnpacked } from './verify.ts';

const START_TIMEOUT_MS = 60_000;

/** Plug-ins that look for kernel features, devices or the network; none is needed to pull. */
const DISABLED = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.tracing',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.overlayfs',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.tracing.processor.v1.otlp',
];

export const containerd: Client = {
  name: 'containerd',
  configuration: 'containerd',
  async pull(setup, target) {
    const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
    for (const [path, text] of setup.files) await space.write(path, text);
    const folder = (name: string) => join(setup.directory, name);
    for (const name of ['root', 'state']) await mkdir(folder(name), { recursive: true });
    const socket = folder('containerd.sock');
    const config = [
      'version = 2',
      `root = "${folder('root')}"`,
      `state = "${folder('state')}"`,
      `disabled_plugins = ${JSON.stringify(DISABLED)}`,
      '[grpc]',
      `address = "${socket}"`,
    ];
    await writeFile(folder('containerd.toml'), `${config.join('\n')}\n`);
    const env = { PATH: process.env['PATH'] };
    const argv = space.argv([setup.programs.containerd, '--config', folder('containerd.toml')]);
    const daemon = await startDaemon('containerd', argv, { logFile: folder('containerd.log'), env });
    const ctr = (args: readonly string[]) =>
      run(space.argv([setup.programs.ctr, '--address', socket, ...args]), { env });
    try {
      await waitUntil(
        'containerd',
        () =>
          access(socket)
            .then(() => ctr(['version']))
            .then(() => true),
        {
          daemon,
          timeoutMs: START_TIMEOUT_MS,
        },
      );
      const reference = `${target.registry}/${target.repository}:${target.tag}`;
      const login = target.credentials === undefined ? [] : ['--user', target.credentials.join(':')];
      const how = ['--hosts-dir', '/etc/containerd/certs.d', '--snapshotter', 'native', '--all-platforms'];
      await ctr(['images', 'pull', ...how, ...login, reference]);
      await verifyBlobFolder(
        join(folder('root'), 'io.containerd.content.v1.content', 'blobs', 'sha256'),
        target.image,
      );
      await verifyUnpacked(
        join(folder('root'), 'io.containerd.snapshotter.v1.native'),
        nativeManifest(target.image),
      );
    } finally {
      await daemon.end();
    }
  },
};
