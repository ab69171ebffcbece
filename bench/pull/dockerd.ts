import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Output, run, startDaemon, waitUntil } from '../../test/e2e/process.ts';

const START_TIMEOUT_MS = 60_000;
const PULL_TIMEOUT_MS = 300_000;
/** Over `/etc/hosts`, which is bound for this daemon alone: a name below `localhost` is loopback to it as well. */
const HOSTS = '127.0.0.1 localhost inline.localhost login.localhost data.localhost\n';
const ENTER = 'mount --bind "$0" /etc/hosts && exec "$@"';

export type Dockerd = {
  docker: (args: readonly string[]) => Promise<Output>;
  end: () => Promise<void>;
};

/**
 * A dockerd with data and state of its own in `directory`, which it makes and removes. It takes plain HTTP from loopback as it is, and its
 * layers are overlays, since a copy of every layer below (`vfs`) would be most of the time of a pull. Needs root.
 */
export async function startDockerd(directory: string): Promise<Dockerd> {
  const folder = (name: string) => join(directory, name);
  for (const name of ['data', 'exec', 'home']) await mkdir(folder(name), { recursive: true });
  await writeFile(folder('hosts'), HOSTS);
  const env = { PATH: process.env['PATH'], HOME: folder('home'), DOCKER_CONFIG: folder('home') };
  const socket = `unix://${folder('docker.sock')}`;
  const dockerd = [
    '/usr/sbin/dockerd',
    '--storage-driver=overlay2',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    `--data-root=${folder('data')}`,
    `--exec-root=${folder('exec')}`,
    `--pidfile=${folder('docker.pid')}`,
    `--host=${socket}`,
  ];
  const inMountSpace = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ENTER, folder('hosts')];
  const daemon = await startDaemon('dockerd', [...inMountSpace, ...dockerd], {
    logFile: folder('dockerd.log'),
    env,
  });
  const docker = (args: readonly string[]) =>
    run(['/usr/bin/docker', '-H', socket, ...args], { env, timeoutMs: PULL_TIMEOUT_MS });
  const end = async (): Promise<void> => {
    await daemon.end();
    await rm(directory, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => {
    await access(folder('docker.sock'));
    await docker(['version']);
    return true;
  };
  try {
    await waitUntil('dockerd', isReady, { daemon, timeoutMs: START_TIMEOUT_MS });
  } catch (error) {
    await daemon.end();
    throw error;
  }
  return { docker, end };
}
