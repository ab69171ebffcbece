import { readFile } from 'node:fs/promises';

import { describeCode } from '../system/error-code.ts';
import { CliError } from './cli-error.ts';

/**
 * The PEM file of an option `--ca`. Clients would report one that is no certificate in words of their own, at the first pull.
 * @throws CliError
 */
export async function readAuthority(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(
      `--ca ${path} can not be read (${describeCode(error)}): check its name, owner and mode`,
    );
  }
  if (text.includes('PRIVATE KEY-----')) {
    throw new CliError(
      `--ca ${path} holds a private key, which clients must not have: name the certificate alone`,
    );
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CliError(`--ca ${path} holds no PEM certificate: name the file of the authority's certificate`);
  }
  return text.endsWith('\n') ? text : `${text}\n`;
}
