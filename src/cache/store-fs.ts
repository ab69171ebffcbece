import { constants, readSync } from 'node:fs';
import * as promises from 'node:fs/promises';

import { errorCode } from '../system/error-code.ts';
import { makeDirectory } from '../system/make-directory.ts';

export type { FileHandle } from 'node:fs/promises';

/** What the disk store uses of the file system; tests put a failing disk in its place. */
export type StoreFs = Pick<typeof promises, 'open' | 'rename' | 'unlink'> & {
  /** With what is missing above it; resolves with the uppermost that was made. */
  mkdir(path: string, options: { readonly mode: number }): Promise<string | undefined>;
  /** The names in a directory. */
  list(path: string): Promise<string[]>;
  /** Of the name itself, where it is a link, which is neither a file nor a directory. */
  stat(path: string): Promise<{
    isFile(): boolean;
    isDirectory(): boolean;
    readonly size: number;
    readonly blocks: number;
    readonly mtimeMs: number;
    readonly ino: number;
  }>;
  statfs(path: string): Promise<{ readonly bavail: number; readonly bsize: number }>;
};

export const DISK: StoreFs = {
  mkdir: (path, { mode }) => makeDirectory(path, mode),
  open: promises.open,
  list: (path) => promises.readdir(path),
  rename: promises.rename,
  unlink: promises.unlink,
  stat: (path) => promises.lstat(path),
  statfs: (path) => promises.statfs(path),
};

/**
 * How a published file is opened. A start does not look at those that the catalog file knows: in their place may be a link, which is not
 * followed (ELOOP).
 */
export const READ_FILE = constants.O_RDONLY | constants.O_NOFOLLOW;

/** What `MemoryReads` uses of the file system. */
export const DISK_AT_ONCE = {
  fileSystemType: async (path: string): Promise<number> => (await promises.statfs(path)).type,
  readSync: (fd: number, buffer: Uint8Array, position: number): number =>
    readSync(fd, buffer, 0, buffer.length, position),
};

/** Removes a file, if it is there. */
export async function removeFile(fs: StoreFs, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** Without this, a name given or taken away may be undone by a power failure. */
export async function syncDirectory(fs: StoreFs, path: string): Promise<void> {
  const directory = await fs.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
