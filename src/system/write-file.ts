import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

export type WriteFileOptions = {
  /**
   * Where the text stands until it is whole: in the file's own directory, as neither link nor rename crosses file systems.
   * Nothing may be there.
   */
  readonly temporary: string;
  /** What becomes of a file that is there; `keep`: the write fails with EEXIST. */
  readonly existing: 'replace' | 'keep';
  /** Called before the file has its name, for its owner and mode; left out: 0600. */
  readonly adjust?: (file: FileHandle) => Promise<void>;
};

/**
 * Writes a file whole or not at all: no reader ever sees half of it, and a crash or a power failure leaves the old one.
 * Rejects with the error of the system, and the temporary file is gone.
 */
export async function writeWholeFile(path: string, text: string, options: WriteFileOptions): Promise<void> {
  const { temporary, existing } = options;
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      await options.adjust?.(file);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike rename, link fails where the name is taken.
    await (existing === 'keep' ? link(temporary, path) : rename(temporary, path));
  } catch (error) {
    await unlink(temporary);
    throw error;
  }
  if (existing === 'keep') await unlink(temporary);
  await syncDirectory(dirname(path));
}

/** Without this, a power failure may bring back the old name's content. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
