import * as promises from 'node:fs/promises';

import { errorCode } from '../system/error-code.ts';

export type { FileHandle } from 'node:fs/promises';

/** What the disk store uses of the file system; tests put a failing disk in its place. */
export type StoreFs = Pick<typeof promises, 'mkdir' | 'open' | 'readdir' | 'rename' | 'unlink'> & {
  stat(path: string): Promise<{ readonly size: number; readonly blocks: number; readonly mtimeMs: number }>;
  statfs(path: string): Promise<{ readonly bavail: number; readonly bsize: number }>;
};

export const DISK: StoreFs = {
  mkdir: promises.mkdir,
  open: promises.open,
  readdir: promises.readdir,
  rename: promises.rename,
  unlink: promises.unlink,
  stat: (path) => promises.stat(path),
  statfs: (path) => promises.statfs(path),
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
