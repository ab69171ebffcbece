import { describeCode } from '../system/error-code.ts';
import { StoreLockError } from './directory-lock.ts';

/** `gone`: a file that was there has been taken away by somebody; the disk itself may be well. */
export type StoreFailureKind = 'no_room' | 'read_only' | 'io_error' | 'gone' | 'closed';

/** The store can not do what was asked; the caller streams instead. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  readonly kind: StoreFailureKind;

  constructor(kind: StoreFailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

export function classifyStoreFailure(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error;
  if (error instanceof StoreLockError) return new StoreFailure('io_error', error.message, error);
  const code = describeCode(error);
  return new StoreFailure(kindOf(code), `the disk of the cache failed (${code})`, error);
}

function kindOf(code: string): StoreFailureKind {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no_room';
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return 'read_only';
    case 'ENOENT':
      return 'gone';
    default:
      return 'io_error';
  }
}
