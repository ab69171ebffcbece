import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';

import type { BlobStore } from '../../src/cache/blob-store.ts';
import { type DiskStoreOptions, openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';
import { CONTRACT_MAX_BYTES, CONTRACT_PIECE_BYTES } from './contract/blob-store.ts';
import { testDirectory } from './test-directory.ts';

export type TestStore = {
  readonly directory: string;
  readonly store: BlobStore;
  readonly metrics: Metrics;
  /** One JSON object a line. */
  readonly log: { text: string };
  /** On the same directory; what may be there still is closed first. */
  readonly reopen: (changes?: Partial<DiskStoreOptions>) => Promise<BlobStore>;
};

/** A disk store in a directory of the test's own, closed with it. */
export async function openTestStore(t: Test, changes: Partial<DiskStoreOptions> = {}): Promise<TestStore> {
  const directory = changes.directory ?? join(testDirectory(t), 'cache');
  const metrics = createMetrics();
  const log = { text: '' };
  const options: DiskStoreOptions = {
    directory,
    maxBytes: CONTRACT_MAX_BYTES,
    minFreeBytes: 0,
    pieceBytes: CONTRACT_PIECE_BYTES,
    metrics,
    log: pino({ base: null }, { write: (line: string) => void (log.text += line) }),
    now: Date.now,
    ...changes,
  };
  let current = await openDiskStore(options);
  t.teardown(() => current.close());
  return {
    directory,
    store: current,
    metrics,
    log,
    async reopen(again) {
      await current.close();
      current = await openDiskStore({ ...options, ...again });
      return current;
    },
  };
}
