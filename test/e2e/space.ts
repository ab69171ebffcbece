import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatHostsFile, RESOLVER_ADDRESS } from './hosts-file.ts';
import { inNamespace } from './network.ts';

/**
 * A place for programs: a network namespace, and a mount namespace where `/etc` is the machine's own with some files
 * laid over it. What a program writes to `/etc` is gone with it, so nothing there has to be undone.
 */
export type Space = {
  readonly namespace: string;
  readonly directory: string;
  /** Lays a file over `/etc/<path>` for programs started from now on. */
  write(path: string, text: string): Promise<void>;
  copy(path: string, source: string): Promise<void>;
  argv(argv: readonly string[]): string[];
};

// The overlay's upper side is in tmpfs, because the machine's own root may itself be an overlay.
const ENTER = `set -e
mount -t tmpfs -o size=64m tmpfs "$1/mount"
mkdir "$1/mount/work"
cp -a "$1/etc" "$1/mount/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/mount/upper,workdir=$1/mount/work" /etc
shift
exec "$@"
`;

/**
 * Makes a space. `machinePid` is a process outside of all spaces: each begins from that one's mounts, or overlays
 * would pile up (the kernel allows two).
 */
export async function createSpace(namespace: string, directory: string, machinePid: number): Promise<Space> {
  const write = async (path: string, text: string) => {
    const file = join(directory, 'etc', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  await mkdir(join(directory, 'mount'), { recursive: true });
  await write('hosts', formatHostsFile());
  await write('resolv.conf', `nameserver ${RESOLVER_ADDRESS}\noptions timeout:1 attempts:1\n`);
  return {
    namespace,
    directory,
    write,
    async copy(path, source) {
      const file = join(directory, 'etc', path);
      await mkdir(dirname(file), { recursive: true });
      await cp(source, file);
    },
    argv(argv) {
      const mounts = [
        'nsenter',
        `--mount=/proc/${machinePid}/ns/mnt`,
        'unshare',
        '--mount',
        '--propagation',
        'private',
      ];
      return inNamespace(namespace, [...mounts, 'sh', '-c', ENTER, 'sh', directory, ...argv]);
    },
  };
}
