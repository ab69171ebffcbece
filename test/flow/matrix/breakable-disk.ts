import { join } from 'node:path';
import { DISK, type FileHandle } from '../../../src/cache/store-fs.ts';

export type BreakableDisk = {
  /** Writes below fail with this code while it is set. */
  code: string | undefined;
};

/** Puts itself in the place of the one disk of this process, below a directory: the whole of Berth runs on it. */
export function breakDiskBelow(directory: string): BreakableDisk {
  const disk: BreakableDisk = { code: undefined };
  const sound = { ...DISK };
  const fail = (path: unknown): void => {
    if (disk.code === undefined || !String(path).startsWith(join(directory, '/'))) return;
    throw Object.assign(new Error(disk.code), { code: disk.code });
  };
  const watched = (file: FileHandle, path: unknown): FileHandle =>
    new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const isWrite = ['write', 'writeFile', 'appendFile', 'datasync', 'sync', 'truncate'].includes(
          String(name),
        );
        return async (...args: unknown[]): Promise<unknown> => {
          if (isWrite) fail(path);
          return Reflect.apply(value, target, args);
        };
      },
    });
  const broken: Partial<typeof DISK> = {
    async open(path, flags, mode) {
      if (String(flags).includes('w')) fail(path);
      return watched(await sound.open(path, flags, mode), path);
    },
    async rename(from, to) {
      fail(to);
      await sound.rename(from, to);
    },
  };
  Object.assign(DISK, broken);
  return disk;
}
