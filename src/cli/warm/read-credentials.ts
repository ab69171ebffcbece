import { readFile } from 'node:fs/promises';

import { describeCode } from '../../system/error-code.ts';
import { CliError } from '../cli-error.ts';
import type { UserPassword } from './registry-client.ts';

/**
 * The password comes from a file: what stands on a command line, everybody on the machine can read.
 * @throws CliError
 */
export async function readCredentials(path: string): Promise<UserPassword> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CliError(
      `--credentials ${path} can not be read (${describeCode(error)}): check its name, owner and mode`,
    );
  });
  const [line = ''] = text.split(/\r?\n/, 1);
  const colon = line.indexOf(':');
  if (colon < 1 || colon === line.length - 1) {
    throw new CliError(`--credentials ${path}: its first line must be username:password`);
  }
  return { username: line.slice(0, colon), password: line.slice(colon + 1) };
}
