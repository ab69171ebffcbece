import { DISK, type FileHandle, type StoreFs } from '../../src/cache/store-fs.ts';

/** A disk whose operations fail with the code that is set while it is, and whose free space is what is said. */
export type FailingDisk = {
  readonly fs: StoreFs;
  /** `code`: of everything that writes. */
  readonly failure: {
    code: string | undefined;
    open?: string | undefined;
    read?: string | undefined;
    stat?: string | undefined;
  };
  readonly free: { bytes: number };
  /** What was written to the disk itself, named, or synced as a directory, in order. */
  readonly durable: string[];
  /** Removing this file waits for `until`. */
  readonly hold: { path: string; until: Promise<void> };
  /** Paths of the files that are open now, as they were opened. */
  readonly openFiles: () => readonly string[];
};

export function createFailingDisk(): FailingDisk {
  const failure: FailingDisk['failure'] = { code: undefined };
  const free = { bytes: Number.MAX_SAFE_INTEGER };
  const durable: string[] = [];
  const hold: FailingDisk['hold'] = { path: '', until: Promise.resolve() };
  const open = new Map<FileHandle, string>();

  function mayFail(code = failure.code): void {
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  }

  /** The same file, but for its writes. */
  function failing(file: FileHandle): FileHandle {
    return new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const writes = ['write', 'writeFile', 'appendFile', 'datasync', 'sync', 'truncate'].includes(
          String(name),
        );
        return async (...args: unknown[]): Promise<unknown> => {
          if (writes) mayFail();
          if (name === 'read' && failure.read !== undefined) mayFail(failure.read);
          if (name === 'stat' && failure.stat !== undefined) mayFail(failure.stat);
          if (name === 'close') open.delete(target);
          if (name === 'sync' || name === 'datasync') durable.push(`sync ${open.get(target)}`);
          return Reflect.apply(value, target, args);
        };
      },
    });
  }

  const fs: StoreFs = {
    ...DISK,
    async open(path, flags, mode) {
      if (String(flags).includes('w')) mayFail();
      if (failure.open !== undefined) mayFail(failure.open);
      const file = await DISK.open(path, flags, mode);
      open.set(file, String(path));
      return failing(file);
    },
    async unlink(path) {
      if (path === hold.path) await hold.until;
      mayFail();
      await DISK.unlink(path);
    },
    async rename(from, to) {
      mayFail();
      await DISK.rename(from, to);
      durable.push(`rename ${String(from)}`);
    },
    statfs: () => Promise.resolve({ bavail: free.bytes, bsize: 1 }),
  };
  return { fs, failure, free, durable, hold, openFiles: () => [...open.values()] };
}
