import { DatabaseSync } from 'node:sqlite';

export type FileLock =
  | { readonly kind: 'locked'; readonly unlock: () => void }
  /** Another process has it, or this one already. */
  | { readonly kind: 'in_use'; readonly error: unknown }
  /** The file can not be made, or its file system has no locks. `why` is the system's or SQLite's word. */
  | { readonly kind: 'unusable'; readonly why: string; readonly error: unknown };

/** https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;

/**
 * Locks a file of nothing but this purpose, made where it is missing, until `unlock` is called or this process ends,
 * however it ends. Node has no file locks of its own; SQLite's are the kernel's, so none is left behind by a kill, and process
 * ids of other containers do not matter. The file stays empty.
 */
export function lockFile(path: string): FileLock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // No journal file beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      return { kind: 'in_use', error };
    }
    return { kind: 'unusable', why: error instanceof Error ? error.message : 'unknown error', error };
  }
  const held = database;
  return { kind: 'locked', unlock: () => held.close() };
}
