import { pino } from 'pino';
import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createRunningWork } from '../../src/metrics/running-work.ts';
import { watchProcess } from '../../src/serving/watch-process.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { TEST_TIMEOUTS } from '../support/config-defaults.ts';

t.test('buffers are used up where no other one fits into what is left of the budget', (t) => {
  // A worker's part of a budget is no multiple of a buffer.
  const bufferBytes = Math.floor((1024 * 1024) / 3);
  const pool = createBufferPool(bufferBytes);
  const report = watchProcess({
    work: createRunningWork(Date.now),
    pool,
    bufferBytes,
    config: () => ({ readiness: { stuckSeconds: 0 }, timeouts: TEST_TIMEOUTS }),
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => report.close());
  let taken = 0;
  while (pool.take(0).pooled) taken += 1;
  t.equal(taken, 5);
  report.checks.stuck_buffers();
  t.equal(report.checks.stuck_buffers(), false, 'none has come back since');
  t.end();
});
