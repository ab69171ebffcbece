import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { describeCode, errorCode } from '../system/error-code.ts';
import { lockFile } from '../system/lock-file.ts';
import { makeDirectory } from '../system/make-directory.ts';
import { writeWholeFile } from '../system/write-file.ts';
import { formatSettings, type Overrides, parseSettings } from './settings-document.ts';

export type SettingsErrorCode =
  | 'settings_unreadable'
  | 'settings_invalid'
  | 'settings_unwritable'
  | 'settings_in_use';

/** The message is for the operator as it is: file, what is wrong, what to do. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code: SettingsErrorCode;

  constructor(code: SettingsErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

const FILE_NAME = 'settings.json';
const LOCK_NAME = 'lock';

/** A thousand registries are 150 kB; a device or a log put there by mistake is more. */
const MAX_BYTES = 1024 * 1024;

/**
 * What `<directory>/settings.json` holds; no overrides where the directory or the file is not there yet. The directory is
 * made (0700), so that a start finds out whether it can be, and not the first change.
 *
 * @throws {SettingsError} where the file is there and can not be read or understood
 */
export async function readSettings(directory: string): Promise<Overrides> {
  const path = join(directory, FILE_NAME);
  let text: string;
  try {
    await makeDirectory(directory, 0o700);
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new TypeError(`it has ${size} bytes, more than ${MAX_BYTES}`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map();
    if (error instanceof TypeError) throw invalid(path, error);
    throw unreadable(path, error);
  }
  try {
    return parseSettings(text);
  } catch (error) {
    throw invalid(path, error);
  }
}

/**
 * Writes the settings (mode 0600) whole or not at all: on disk under another name first, then renamed. Only one call at a
 * time for a directory.
 *
 * @throws {SettingsError} and the old settings are still there
 */
export async function writeSettings(directory: string, overrides: Overrides): Promise<void> {
  const path = join(directory, FILE_NAME);
  const temporary = `${path}.tmp`;
  try {
    // What a crash left behind; `wx` would trip over it, and a link there must not be followed.
    await rm(temporary, { force: true });
    await writeWholeFile(path, formatSettings(overrides), { temporary, existing: 'replace' });
  } catch (error) {
    throw new SettingsError(
      'settings_unwritable',
      `the settings ${path} can not be written (${describeCode(error)}): check that stateDirectory exists, is writable and has room`,
      error,
    );
  }
}

/**
 * Keeps every other Berth off the settings of a directory until the returned function is called or this process ends: two
 * would each keep their own changes in the one file.
 *
 * @throws {SettingsError} `settings_in_use`, or `settings_unwritable` where nothing can be locked there
 */
export function lockSettings(directory: string): () => void {
  const lock = lockFile(join(directory, LOCK_NAME));
  switch (lock.kind) {
    case 'locked':
      return lock.unlock;
    case 'in_use':
      throw new SettingsError(
        'settings_in_use',
        `the state directory ${directory} is in use by another process: stop it, or give each Berth its own stateDirectory`,
        lock.error,
      );
    case 'unusable':
      throw new SettingsError(
        'settings_unwritable',
        `the state directory ${directory} can not be locked (${lock.why}): check its owner, its mode, and that its file system has locks`,
        lock.error,
      );
  }
}

function unreadable(path: string, error: unknown): SettingsError {
  return new SettingsError(
    'settings_unreadable',
    `the settings ${path} can not be read (${describeCode(error)}): check owner and mode of the file and of stateDirectory`,
    error,
  );
}

function invalid(path: string, error: unknown): SettingsError {
  const why = error instanceof Error ? error.message : 'for an unknown reason';
  return new SettingsError(
    'settings_invalid',
    `the settings ${path} can not be used: ${why}; restore the file from a backup, or remove it to start with what the configuration says`,
    error,
  );
}
