import { open } from 'node:fs/promises';
import { describeCode } from '../system/error-code.ts';
import type { Credentials } from './credentials.ts';

/** Bytes. A Google service account key, the longest password in use, has 2.4 KiB. */
const MAX_BYTES = 64 * 1024;

/** `username:password` on the first line; a colon in the password stays. */
export async function readCredentialsFile(path: string): Promise<Credentials> {
  const text = await readStart(path);
  const [line = ''] = text.split(/\r?\n/, 1);
  const colon = line.indexOf(':');
  if (colon < 1 || colon === line.length - 1) {
    throw new Error(`upstream.auth.file ${path}: its first line must be username:password`);
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
    throw new Error(`upstream.auth.file ${path} can not be read (${describeCode(error)})`, { cause: error });
  }
}
