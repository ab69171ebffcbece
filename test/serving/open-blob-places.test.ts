import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createRunningWork } from '../../src/metrics/running-work.ts';
import { openBlobPlaces } from '../../src/serving/open-blob-places.ts';
import { createProcessState } from '../../src/state/create-process-state.ts';
import { createStateSeal } from '../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { contentOf } from '../support/contract/blob-store.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { collect } from '../support/memory-blob.ts';
import { createMemorySource } from '../support/memory-source.ts';
import { testDirectory } from '../support/test-directory.ts';

t.test('fills are counted while they are under way', async (t) => {
  const metrics = createMetrics();
  const pool = createBufferPool(1024 * 1024);
  const work = createRunningWork(Date.now, Date.now);
  const { bytes, digest } = contentOf(pseudoRandomBytes('places', 100_000));
  const directory = join(testDirectory(t), 'cache');
  const config = { ...NO_BLOB_CACHE, memoryMaxBytes: 0, directory };
  const shelf = await openBlobPlaces(config, {
    pool,
    work,
    metrics,
    log: pino({ level: 'silent' }),
    state: createProcessState(),
    seal: createStateSeal(generateTicketKeys),
  });
  t.teardown(() => shelf.close());
  t.match(await metrics.text(), /^berth_fills_in_flight 0$/m);
  const gate = { end: 10 };
  const opened = await shelf.places.fills?.join({
    digest,
    scope: 'contoso',
    source: createMemorySource(bytes, { pool, gate }),
    range: undefined,
    knownLength: bytes.length,
    signal: new AbortController().signal,
  });
  t.match(await metrics.text(), /^berth_fills_in_flight 1$/m);
  const fills = () => work.list().filter(({ kind }) => kind === 'fill');
  t.match(fills(), [{ registry: 'contoso', digest, length: bytes.length, waitsFor: 'upstream' }]);
  gate.end = bytes.length;
  if (opened?.kind !== 'content') throw new Error('no content');
  t.ok((await collect(opened, pool)).equals(bytes));
  await shelf.close();
  t.strictSame(work.list(), [], 'nothing is under way any more, on disk neither');
  t.notMatch(await metrics.text(), /^berth_fills_in_flight [1-9]/m);
});
