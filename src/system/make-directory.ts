import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errorCode } from './error-code.ts';

/**
 * Makes a directory and what is missing above it, one after the other. Node's own `recursive` tries for ever, and can not be ended,
 * where the system says ENOENT below a directory that is there, as procfs does.
 *
 * @param mode of each one made, before the umask
 * @returns the uppermost that was made, `undefined` where all were there
 * @throws what the system said, EEXIST where the path is something else than a directory
 */
export async function makeDirectory(path: string, mode: number): Promise<string | undefined> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (errorCode(error) !== 'ENOENT' || above === path) throw error;
    const made = await makeDirectory(above, mode);
    const last = await makeOne(path, mode);
    return made ?? last;
  }
}

async function makeOne(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    return undefined;
  }
}
