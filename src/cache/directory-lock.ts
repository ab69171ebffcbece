import { DatabaseSync } from 'node:sqlite';

export class StoreLockError extends Error {
  override readonly name = 'StoreLockError';
  readonly code: 'store_in_use' | 'store_unusable';

  constructor(code: StoreLockError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;

/**
 * Keeps every other process off a directory until the returned function is called or this process ends, however it ends.
 * Node has no file locks of its own; SQLite's are the kernel's, so none is left behind by a kill, and process ids of other
 * containers do not matter. The file stays empty.
 *
 * @throws {StoreLockError}
 */
export function lockDirectory(path: string, directory: string): () => void {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // No journal file beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      throw new StoreLockError(
        'store_in_use',
        `the cache directory ${directory} is in use by another process: stop it, or give each Berth its own cache.directory`,
        error,
      );
    }
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new StoreLockError(
      'store_unusable',
      `the cache directory ${directory} can not be locked (${why}): check its owner, its mode, and that its file system has locks`,
      error,
    );
  }
  const held = database;
  return () => held.close();
}
