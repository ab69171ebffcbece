import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Output, run, startDaemon, waitUntil } from '../process.ts';
import { createSpace } from '../space.ts';
import type { ClientSetup, PullTarget } from './client.ts';
import { nativeManifest } from './client.ts';
import { verifyBlobFolder, verifyUnpacked } from './verify.ts';

const START_TIMEOUT_MS = 60_000;

export type Containerd = {
  ctr(args: readonly string[]): Promise<Output>;
  /** Every byte of the image is in its content store, and is unpacked by the native snapshotter. */
  verify(image: PullTarget['image']): Promise<void>;
  end(): Promise<void>;
};

/** A containerd with its own root, state and configuration; it reads `/etc/containerd/certs.d` of its own space. */
export async function startContainerd(
  setup: ClientSetup,
  programs: { readonly containerd: string; readonly ctr: string },
  /** The file's content but for places: what comes before the first table, and the tables. */
  config: { readonly top: readonly string[]; readonly tables: readonly string[] },
): Promise<Containerd> {
  const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
  for (const [path, text] of setup.files) await space.write(path, text);
  const folder = (name: string) => join(setup.directory, name);
  for (const name of ['root', 'state']) await mkdir(folder(name), { recursive: true });
  const socket = folder('containerd.sock');
  const lines = [
    ...config.top,
    `root = "${folder('root')}"`,
    `state = "${folder('state')}"`,
    '[grpc]',
    `address = "${socket}"`,
    ...config.tables,
  ];
  await writeFile(folder('containerd.toml'), `${lines.join('\n')}\n`);
  const env = { PATH: process.env['PATH'] };
  const argv = space.argv([programs.containerd, '--config', folder('containerd.toml')]);
  const daemon = await startDaemon('containerd', argv, { logFile: folder('containerd.log'), env });
  const ctr = (args: readonly string[]) =>
    run(space.argv([programs.ctr, '--address', socket, ...args]), { env });
  const ready = async () => {
    await access(socket);
    await ctr(['version']);
    return true;
  };
  try {
    await waitUntil('containerd', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
  } catch (error) {
    await daemon.end();
    throw error;
  }
  return {
    ctr,
    async verify(image) {
      const content = join(folder('root'), 'io.containerd.content.v1.content', 'blobs', 'sha256');
      await verifyBlobFolder(content, image);
      await verifyUnpacked(
        join(folder('root'), 'io.containerd.snapshotter.v1.native'),
        nativeManifest(image),
      );
    },
    async end() {
      await daemon.end();
    },
  };
}
