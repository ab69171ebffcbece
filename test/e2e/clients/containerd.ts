import type { Client } from './client.ts';
import { startContainerd } from './containerd-daemon.ts';

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

/** Debian's containerd 1.6. */
export const containerd: Client = {
  name: 'containerd',
  configuration: 'containerd',
  async pull(setup, target) {
    const daemon = await startContainerd(setup, setup.programs, {
      top: ['version = 2', `disabled_plugins = ${JSON.stringify(DISABLED)}`],
      tables: [],
    });
    try {
      const reference = `${target.registry}/${target.repository}:${target.tag}`;
      const login = target.credentials === undefined ? [] : ['--user', target.credentials.join(':')];
      const how = ['--hosts-dir', '/etc/containerd/certs.d', '--snapshotter', 'native', '--all-platforms'];
      await daemon.ctr(['images', 'pull', ...how, ...login, reference]);
      await daemon.verify(target.image);
    } finally {
      await daemon.end();
    }
  },
};
