import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createBufferPool } from '../../../src/upstream/buffer-pool.ts';
import { observeStorage } from '../../../src/upstream/regional/observe-storage.ts';
import { startTransfer } from '../../../src/upstream/transfer.ts';
import { closeServer, listen } from '../../support/server.ts';
import { createTestClock } from '../../support/test-clock.ts';

t.test('a host that is left for its slowness has failed; one that Berth has enough of has not', async (t) => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.flushHeaders();
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const agent = new Agent({ allowH2: false });
  t.teardown(() => closeServer(server));
  t.teardown(() => agent.destroy());
  const clock = createTestClock();
  const outcomes: unknown[] = [];
  const observed = observeStorage(agent, (host, outcome) => outcomes.push([host, outcome]));
  const deps = {
    pool: createBufferPool(0),
    metrics: createMetrics(),
    startTimeoutMs: 60_000,
    leastRate: { bytesPerSecond: 1, windowMs: 10_000 },
    rateClock: clock,
  };
  for (const ends of ['aborted', 'slow'] as const) {
    await new Promise<void>((resolve) => {
      const transfer = startTransfer(observed, { origin, path: '/', headers: {}, where: 'storage' }, deps, {
        start() {
          transfer.resume();
          if (ends === 'aborted') transfer.abort();
          else clock.pass(10_000);
        },
        data() {},
        end() {},
        failed: () => resolve(),
      });
    });
  }
  t.strictSame(outcomes, [[origin, { kind: 'failed', reason: 'http_response_too_slow' }]]);
});
