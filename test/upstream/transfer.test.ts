import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import type { UpstreamFailure } from '../../src/upstream/failure.ts';
import { startTransfer, type Transfer, type TransferHandler } from '../../src/upstream/transfer.ts';
import { closeServer, listen } from '../support/server.ts';
import { createTestClock } from '../support/test-clock.ts';

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

t.test('a body that comes, but hardly, is ended; not while it is paused', async (t) => {
  let send: (byte: string) => void = () => undefined;
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.flushHeaders();
    send = (byte) => void response.write(byte);
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const agent = new Agent({ allowH2: false });
  t.teardown(() => closeServer(server));
  t.teardown(() => agent.destroy());
  const clock = createTestClock();
  const leastRate = { bytesPerSecond: 1, windowMs: 10_000 };
  const failed = Promise.withResolvers<UpstreamFailure>();
  const started = Promise.withResolvers<void>();
  let arrived = (): void => undefined;
  let isOver = false;
  const transfer = startTransfer(
    agent,
    { origin, path: '/', headers: {}, where: 'storage' },
    { ...patient, leastRate, rateClock: clock },
    {
      ...ignored,
      start: () => started.resolve(),
      data: () => arrived(),
      failed(failure) {
        isOver = true;
        failed.resolve(failure);
      },
    },
  );
  await started.promise;
  clock.pass(100_000);
  t.equal(clock.timers, 0, 'the body was not let yet');
  transfer.resume();
  for (let byte = 0; byte < 9; byte += 1) {
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    send('x');
    await arrival;
    clock.pass(1000);
    transfer.pause();
    // Whoever reads it takes an hour.
    clock.pass(3_600_000);
    transfer.resume();
  }
  t.equal(isOver, false);
  clock.pass(1000);
  const failure = await failed.promise;
  t.equal(failure.kind, 'http_response_too_slow');
  t.equal(failure.where, 'storage');
  t.match(failure.message, '9 bytes in 10000 ms');
  t.equal(clock.timers, 0);
});

t.test('a transfer that has ended, or was aborted, measures nothing any more', async (t) => {
  const server = createServer((_, response) => response.end('done'));
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const agent = new Agent({ allowH2: false });
  t.teardown(() => closeServer(server));
  t.teardown(() => agent.destroy());
  const clock = createTestClock();
  const measured = { ...patient, leastRate: { bytesPerSecond: 1, windowMs: 10_000 }, rateClock: clock };
  const request = { origin, path: '/', headers: {}, where: 'storage' as const };
  await new Promise<void>((resolve) => {
    const transfer = startTransfer(agent, request, measured, {
      ...ignored,
      start: () => transfer.resume(),
      end() {
        transfer.resume();
        resolve();
      },
    });
  });
  t.equal(clock.timers, 0);
  await new Promise<void>((resolve) => {
    const transfer = startTransfer(agent, request, measured, {
      ...ignored,
      start() {
        transfer.resume();
        transfer.abort();
      },
      failed: () => resolve(),
    });
  });
  t.equal(clock.timers, 0);
});

t.test(
  'a small body that nobody wants leaves its connection to the next request; a long one does not',
  async (t) => {
    const bodies: Record<string, number> = { '/small': 10, '/long': 1024 * 1024 };
    const ports: (number | undefined)[] = [];
    const server = createServer(({ url = '/', socket }, response) => {
      ports.push(socket.remotePort);
      response.end(Buffer.alloc(bodies[url] ?? 0));
    });
    const origin = `http://127.0.0.1:${await listen(server)}`;
    t.teardown(() => closeServer(server));
    const agent = new Agent({ allowH2: false, connections: 1, pipelining: 1 });
    t.teardown(() => agent.destroy());
    let handedOut = 0;

    const dismissed = async (path: string): Promise<void> => {
      const transfer = await new Promise<Transfer>((resolve) => {
        const started = startTransfer(agent, { origin, path, headers: {}, where: 'storage' }, patient, {
          ...ignored,
          start: () => resolve(started),
          data: () => {
            handedOut += 1;
          },
        });
      });
      transfer.dismiss?.();
      // Twice is once, and an end that comes later is none.
      transfer.dismiss?.();
    };
    await dismissed('/small');
    await dismissed('/small');
    await dismissed('/long');
    await dismissed('/small');
    t.equal(handedOut, 0, 'nobody is given what nobody wants');
    t.equal(ports[1], ports[0]);
    t.equal(ports[2], ports[0]);
    t.not(ports[3], ports[0], 'a new connection costs less than the rest of a long body');
  },
);
