import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { StoreLockError } from '../../cache/directory-lock.ts';
import { openDiskStore } from '../../cache/open-disk-store.ts';
import { FORMAT } from '../../cache/store-layout.ts';
import type { Config } from '../../config/config.ts';
import { createMetrics } from '../../metrics/metrics.ts';
import { describeCode } from '../../system/error-code.ts';
import { askBerth, mustAskBerth } from '../ask-berth.ts';
import type { CliDeps } from '../cli-deps.ts';
import { CliError } from '../cli-error.ts';
import type { CacheAccess } from './cache-access.ts';
import { createRemoteCache } from './create-remote-cache.ts';

/**
 * The cache of the Berth that runs with this configuration; where none runs, its directory, which no other process may
 * have open meanwhile.
 *
 * @throws CliError, StoreLockError
 */
export async function openConfiguredCache(
  config: Config,
  deps: CliDeps,
  limit?: number,
): Promise<CacheAccess> {
  const answer = await askBerth(config, { method: 'GET', path: 'cache' });
  if (answer.kind === 'refused') throw new CliError(answer.message);
  if (answer.kind === 'document') return createRemoteCache((question) => mustAskBerth(config, question));
  const { directory, maxBytes } = config.cache;
  if (directory !== null) {
    try {
      return await openCacheDirectory(directory, deps, limit ?? maxBytes);
    } catch (error) {
      // Mostly it is the Berth that could not be asked, and why not is what the operator can mend.
      if (!(error instanceof StoreLockError) || error.code !== 'store_in_use') throw error;
      throw new CliError(`${answer.reason}; meanwhile ${error.message}`);
    }
  }
  throw new CliError(
    `${answer.reason}; or name the directory of a cache that nobody uses now by --directory`,
  );
}

/** @param maxBytes left out: nothing is evicted */
export async function openCacheDirectory(
  directory: string,
  deps: Pick<CliDeps, 'createLogger'>,
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<CacheAccess> {
  try {
    // A name with a typing error must not become a cache.
    await stat(join(directory, FORMAT));
  } catch (error) {
    throw new CliError(
      `${directory} is no cache directory (${FORMAT} in it: ${describeCode(error)}): name the one that cache.directory says`,
    );
  }
  const store = await openDiskStore({
    directory,
    maxBytes,
    minFreeBytes: 0,
    pieceBytes: PIECE_BYTES,
    metrics: createMetrics(),
    log: deps.createLogger('silent'),
    now: Date.now,
  });
  return {
    list: () => store.list(),
    remove: (digest) => store.remove(digest),
    verify: (digest, signal) => store.verify(digest, signal),
    collect: () => store.collect(),
    close: () => store.close(),
    usage: () => Promise.resolve(store.usage),
  };
}

/** Of new partials, which no command makes. */
const PIECE_BYTES = 4 * 1024 * 1024;
