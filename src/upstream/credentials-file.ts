import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describeCode } from '../system/error-code.ts';
import type { Credentials } from './credentials.ts';

/** Bytes. A Google service account key, the longest password in use, has 2.4 KiB. */
const MAX_BYTES = 64 * 1024;

/** `upstream.auth.file` can not be used. The message is for the operator as it is, and never holds its content. */
export class CredentialsFileError extends Error {
  override readonly name = 'CredentialsFileError';
  readonly code = 'invalid_credentials_file';
}

/**
 * `username:password` on the first line; a colon in the password stays.
 * @throws {CredentialsFileError}
 */
export async function readCredentialsFile(path: string): Promise<Credentials> {
  return parse(path, await readStart(path));
}

/**
 * The same look without the credentials, for a start: that nobody can pull should not be found out at the first pull.
 * @throws {CredentialsFileError}
 */
export function checkCredentialsFile(path: string): void {
  const content = Buffer.alloc(MAX_BYTES);
  let length: number;
  try {
    const file = openSync(path, 'r');
    try {
      length = readSync(file, content, 0, MAX_BYTES, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  parse(path, content.toString('utf8', 0, length));
}

function parse(path: string, text: string): Credentials {
  const [line = ''] = text.split(/\r?\n/, 1);
  const colon = line.indexOf(':');
  if (colon < 1 || colon === line.length - 1) {
    throw new CredentialsFileError(`upstream.auth.file ${path}: its first line must be username:password`);
  }
  return { username: line.slice(0, colon), password: line.slice(colon + 1) };
}

async function readStart(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): CredentialsFileError {
  const message = `upstream.auth.file ${path} can not be read (${describeCode(error)}): check its name, owner and mode`;
  return new CredentialsFileError(message, { cause: error });
}
