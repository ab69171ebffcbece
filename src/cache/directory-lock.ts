import { lockFile } from '../system/lock-file.ts';

export class StoreLockError extends Error {
  override readonly name = 'StoreLockError';
  readonly code: 'store_in_use' | 'store_unusable';

  constructor(code: StoreLockError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Keeps every other process off a directory until the returned function is called or this process ends, however it ends.
 *
 * @throws {StoreLockError}
 */
export function lockDirectory(path: string, directory: string): () => void {
  const lock = lockFile(path);
  switch (lock.kind) {
    case 'locked':
      return lock.unlock;
    case 'in_use':
      throw new StoreLockError(
        'store_in_use',
        `the cache directory ${directory} is in use by another process: stop it, or give each Berth its own cache.directory`,
        lock.error,
      );
    case 'unusable':
      throw new StoreLockError(
        'store_unusable',
        `the cache directory ${directory} can not be locked (${lock.why}): check its owner, its mode, and that its file system has locks`,
        lock.error,
      );
  }
}
