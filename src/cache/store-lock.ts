import type { Logger } from 'pino';

import { errorCode } from '../system/error-code.ts';
import { lockDirectory } from './directory-lock.ts';
import { makeDirectories } from './recover-store.ts';
import type { StoreFs } from './store-fs.ts';
import type { StoreLayout } from './store-layout.ts';

/** The store's directory as this process's alone. */
export type StoreLock = {
  /**
   * Makes sure of it: takes the lock where there is none yet, and anew where somebody took the directory away, and the locked
   * file with it. Otherwise a second process could lock a new file of the same name.
   *
   * @throws {StoreLockError} where another process has it
   */
  hold(): Promise<void>;
  release(): void;
};

export function createStoreLock(deps: {
  readonly fs: StoreFs;
  readonly layout: StoreLayout;
  readonly directory: string;
  readonly log: Logger;
}): StoreLock {
  const { fs, layout, directory, log } = deps;
  let held: { readonly unlock: () => void; readonly ino: number } | undefined;
  let holding: Promise<void> | undefined;

  async function isThere(ino: number): Promise<boolean> {
    try {
      return (await fs.stat(layout.lock)).ino === ino;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  function release(): void {
    held?.unlock();
    held = undefined;
  }

  async function holdNow(): Promise<void> {
    if (held !== undefined) {
      if (await isThere(held.ino)) return;
      log.error({ directory }, 'the directory of the cache was taken away: it is begun anew');
      release();
    }
    await makeDirectories(fs, layout);
    const unlock = lockDirectory(layout.lock, directory);
    held = { unlock, ino: (await fs.stat(layout.lock)).ino };
  }

  return {
    hold() {
      // One for all who ask meanwhile: two would each find the lock taken, by the other.
      holding ??= holdNow().finally(() => {
        holding = undefined;
      });
      return holding;
    },
    release,
  };
}
