import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { startStoreProcess } from '../support/store-process.ts';
import { testDirectory } from '../support/test-directory.ts';

const options = (directory: string) => ({
  directory,
  maxBytes: 1000,
  minFreeBytes: 0,
  pieceBytes: 100,
  metrics: createMetrics(),
  log: pino({ level: 'silent' }),
  now: Date.now,
});

t.test('a directory has one process, and none once that is killed', async (t) => {
  const directory = testDirectory(t);
  const other = await startStoreProcess(t, { directory, mode: 'hold' });
  await t.rejects(openDiskStore(options(directory)), {
    code: 'store_in_use',
    message: /cache directory .* is in use by another process/,
  });
  await other.kill();
  const store = await openDiskStore(options(directory));
  await t.rejects(openDiskStore(options(directory)), { code: 'store_in_use' }, 'nor twice in one process');
  await store.close();
  const again = await openDiskStore(options(directory));
  await again.close();
});

t.test('a directory that can not be used says why', async (t) => {
  const directory = testDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  await t.rejects(openDiskStore(options(join(directory, 'file'))), {
    code: 'store_unusable',
    message: /cache directory .*file can not be used \(ENOTDIR\)/,
  });
  mkdirSync(join(directory, 'v1/lock'), { recursive: true });
  await t.rejects(openDiskStore(options(directory)), { code: 'store_unusable' });
});
