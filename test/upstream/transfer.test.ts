import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import type { UpstreamFailure } from '../../src/upstream/failure.ts';
import { startTransfer, type Transfer, type TransferHandler } from '../../src/upstream/transfer.ts';
import { closeServer, listen } from '../support/server.ts';

const deps = { pool: createBufferPool(0), metrics: createMetrics(), startTimeoutMs: 50 };
/** For what must not run out of time, however loaded the machine is. */
const patient = { ...deps, startTimeoutMs: 60_000 };
const ignored: TransferHandler = { start() {}, data() {}, end() {}, failed() {} };

t.test(
  'the wait for a free connection has a deadline; a transfer that waits no more never starts',
  async (t) => {
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      response.writeHead(200, { 'content-length': '10' });
      response.write('x');
    });
    const origin = `http://127.0.0.1:${await listen(server)}`;
    t.teardown(() => closeServer(server));
    const agent = new Agent({ allowH2: false, connections: 1, pipelining: 1 });
    t.teardown(() => agent.destroy());
    const request = { origin, path: '/', headers: {}, where: 'storage' as const };

    const first = await new Promise<Transfer>((resolve) => {
      const transfer = startTransfer(agent, request, patient, { ...ignored, start: () => resolve(transfer) });
    });
    const failure = await new Promise<UpstreamFailure>((resolve) => {
      startTransfer(agent, request, deps, { ...ignored, failed: resolve });
    });
    t.equal(failure.kind, 'connection_limit_reached');
    t.match(failure.message, origin);
    t.equal(requests, 1);

    first.abort();
    const third = await new Promise<number>((resolve) => {
      const transfer = startTransfer(agent, request, patient, { ...ignored, start: resolve });
      t.teardown(() => transfer.abort());
    });
    t.equal(third, 200);
    t.equal(requests, 2, 'the one that gave up was never sent');
  },
);

t.test('a dispatcher that refuses at once fails the transfer, after the caller has its handle', async (t) => {
  const agent = new Agent({ allowH2: false });
  await agent.destroy();
  const failure = await new Promise<UpstreamFailure>((resolve) => {
    const transfer = startTransfer(
      agent,
      { origin: 'http://127.0.0.1:1', path: '/', headers: {}, where: 'storage' },
      deps,
      {
        ...ignored,
        failed(reason) {
          transfer.pause();
          resolve(reason);
        },
      },
    );
  });
  t.equal(failure.kind, 'destination_unavailable');
});
