import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeCode, errorCode } from '../system/error-code.ts';
import { CliError } from './cli-error.ts';
import type { ClientFile } from './client-file.ts';

/**
 * Writes the files below `root` and gives their paths. A file that is there with other content is an administrator's
 * own: then nothing is written at all.
 * @throws CliError naming the file.
 */
export async function writeClientFiles(
  root: string,
  files: readonly ClientFile[],
): Promise<readonly string[]> {
  const targets = files.map(({ path, content }) => ({ path: join(root, path), content }));
  for (const { path, content } of targets) {
    const present = await readIfPresent(path);
    if (present !== undefined && present !== content) {
      throw new CliError(
        `${path} exists with other content and is left as it is: merge it by hand, or remove it`,
      );
    }
  }
  for (const { path, content } of targets) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    } catch (error) {
      throw new CliError(
        `${path} can not be written (${describeCode(error)}): check its directory's owner and mode`,
      );
    }
  }
  return targets.map(({ path }) => path);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new CliError(`${path} can not be read (${describeCode(error)}): check what is there`);
  }
}
