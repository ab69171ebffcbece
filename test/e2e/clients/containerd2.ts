import type { ClientSetup, PullTarget } from './client.ts';
import { startContainerd } from './containerd-daemon.ts';

/** Plug-ins that look for kernel features, devices or the network; none is needed to pull. */
const DISABLED = [
  'io.containerd.cri.v1.images',
  'io.containerd.cri.v1.runtime',
  'io.containerd.grpc.v1.cri',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.tracing',
  'io.containerd.nri.v1.nri',
  'io.containerd.podsandbox.controller.v1.podsandbox',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.snapshotter.v1.overlayfs',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.tracing.processor.v1.otlp',
];

export const LAYER_FETCH_BYTES = 4 * 1024 * 1024;
const DOWNLOADS = 4;

/** The transfer service unpacks by its own settings, not by what `ctr` names. */
const TRANSFER = `
[plugins.'io.containerd.transfer.v1.local']
  max_concurrent_downloads = ${DOWNLOADS}
  concurrent_layer_fetch_buffer = ${LAYER_FETCH_BYTES}
  [[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
    platform = "linux/${process.arch === 'x64' ? 'amd64' : process.arch}"
    snapshotter = "native"
`;

/**
 * containerd 2 through its transfer service: each layer is fetched by several requests at once, `bytes=N-` each, hung up
 * after `LAYER_FETCH_BYTES`. Throws unless every byte of the image is there in the end.
 */
export async function pullInParallel(setup: ClientSetup, target: PullTarget): Promise<void> {
  const programs = { containerd: setup.programs.containerd2, ctr: setup.programs.ctr2 };
  const daemon = await startContainerd(setup, programs, {
    top: ['version = 3', `disabled_plugins = ${JSON.stringify(DISABLED)}`],
    tables: [TRANSFER],
  });
  try {
    const reference = `${target.registry}/${target.repository}:${target.tag}`;
    const login = target.credentials === undefined ? [] : ['--user', target.credentials.join(':')];
    const how = ['--hosts-dir', '/etc/containerd/certs.d', '--snapshotter', 'native'];
    await daemon.ctr(['images', 'pull', ...how, ...login, reference]);
    await daemon.verify(target.image);
  } finally {
    await daemon.end();
  }
}
