import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { describeCode, errorCode } from '../system/error-code.ts';
import { writeWholeFile } from '../system/write-file.ts';
import { formatTicketKeys, parseTicketKeys, type TicketKeys, TicketKeysError } from './ticket-keys.ts';

export type KeyFileErrorCode =
  | 'key_file_missing'
  | 'key_file_unreadable'
  | 'key_file_permissions'
  | 'key_file_invalid'
  | 'key_file_exists'
  | 'key_file_unwritable';

/** The message is for the operator as it is: file, what is wrong, what to do. It never holds a key. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly code: KeyFileErrorCode;

  constructor(code: KeyFileErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Sixteen keys with long comments fit in 64 KiB many times; a device or a log given by mistake does not. */
const MAX_KEY_FILE_BYTES = 64 * 1024;

/**
 * Reads a key file. Nobody but its owner may have access; where root owns it, its group may read, because that is
 * how orchestrators hand a secret to a process that is not root.
 *
 * @throws {KeyFileError}
 */
export async function readKeyFile(path: string): Promise<TicketKeys> {
  const file = await openKeyFile(path);
  try {
    const { mode, size, uid } = await checkKind(file, path);
    checkMode(path, mode, uid);
    if (size > MAX_KEY_FILE_BYTES) {
      throw new KeyFileError(
        'key_file_invalid',
        `the ticket key file ${path} has ${size} bytes, more than ${MAX_KEY_FILE_BYTES}: is it the right file?`,
      );
    }
    return parseTicketKeys(await file.readFile('utf8'));
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    if (error instanceof TicketKeysError) {
      throw new KeyFileError('key_file_invalid', `the ticket key file ${path}: ${error.message}`, error);
    }
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

/**
 * Writes a key file (mode 0600) whole or not at all: no reader ever sees half of it, and a crash leaves the old one.
 *
 * @param options.replace false (the default): an existing file is an error, as lost keys are lost tickets. True:
 * the existing file is replaced, and its owner and mode are kept, so that whoever could read it still can.
 * @throws {KeyFileError}
 */
export async function writeKeyFile(
  path: string,
  keys: TicketKeys,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  try {
    if (options.replace === true) await replaceFile(path, formatTicketKeys(keys));
    else await createFile(path, formatTicketKeys(keys));
  } catch (error) {
    if (errorCode(error) === 'EEXIST') {
      throw new KeyFileError(
        'key_file_exists',
        `the ticket key file ${path} exists and is left as it is; "berth ticket-key rotate" changes its keys`,
        error,
      );
    }
    throw new KeyFileError(
      'key_file_unwritable',
      `the ticket key file ${path} can not be written (${describeCode(error)}): check that its directory exists, is writable and is not mounted read-only`,
      error,
    );
  }
}

function createFile(path: string, text: string): Promise<void> {
  return writeWholeFile(path, text, { temporary: temporaryName(path), existing: 'keep' });
}

async function replaceFile(path: string, text: string): Promise<void> {
  // Of a symbolic link the target is replaced, not the link.
  const target = await realpath(path);
  const { mode, uid, gid } = await stat(target);
  await writeWholeFile(target, text, {
    temporary: temporaryName(target),
    existing: 'replace',
    async adjust(file) {
      await file.chown(uid, gid);
      await file.chmod(mode & 0o777);
    },
  });
}

/** Two that rotate at once do not trip over each other's. */
function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.tmp`;
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK a named pipe would wait for a writer for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new KeyFileError(
        'key_file_missing',
        `the ticket key file ${path} does not exist: make it with "berth ticket-key generate", and give every replica the same file`,
        error,
      );
    }
    throw unreadable(path, error);
  }
}

async function checkKind(file: FileHandle, path: string) {
  const stats = await file.stat();
  if (!stats.isFile())
    throw new KeyFileError('key_file_unreadable', `the ticket key file ${path} is not a file`);
  return stats;
}

function checkMode(path: string, mode: number, uid: number): void {
  const forbidden = uid === 0 ? 0o037 : 0o077;
  if ((mode & forbidden) === 0) return;
  throw new KeyFileError(
    'key_file_permissions',
    `the ticket key file ${path} has mode 0${(mode & 0o777).toString(8)}, so others than its owner have access: run "chmod 600 ${path}" (of a file that root owns the group may read: 0440, which a Kubernetes secret gets with "defaultMode: 0400" and an fsGroup)`,
  );
}

function unreadable(path: string, cause: unknown): KeyFileError {
  return new KeyFileError(
    'key_file_unreadable',
    `the ticket key file ${path} can not be read (${describeCode(cause)}): check its owner and mode`,
    cause,
  );
}
