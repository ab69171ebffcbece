import { Readable } from 'node:stream';
import t from 'tap';
import { serveContent } from '../../../src/blob/shared/serve-content.ts';
import type { UpstreamFailure } from '../../../src/upstream/failure.ts';
import { createTestClock } from '../../support/test-clock.ts';

t.test(
  'a store that brings a byte now and then is given up; not while its reader takes its time',
  async (t) => {
    const clock = createTestClock();
    const body = new Readable({ read() {} });
    const started = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<UpstreamFailure>();
    let arrived = (): void => undefined;
    const transfer = serveContent(
      async () => ({ kind: 'content', range: { firstPos: 0, lastPos: 99 }, completeLength: 100, body }),
      {
        start: () => started.resolve(),
        data: () => arrived(),
        end: () => t.fail('it has no end'),
        failed: failed.resolve,
      },
      clock,
    );
    await started.promise;
    transfer.resume();
    for (let turn = 0; turn < 9; turn += 1) {
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      body.push('x');
      await arrival;
      clock.pass(1000);
      transfer.pause();
      clock.pass(3_600_000);
      transfer.resume();
    }
    t.equal(body.destroyed, false);
    clock.pass(1000);
    const failure = await failed.promise;
    t.equal(failure.kind, 'connection_terminated', 'which is asked for again at once, elsewhere');
    t.match(failure.message, '9 bytes in 10000 ms');
    t.equal(body.destroyed, true);
    t.equal(clock.timers, 0);
  },
);

t.test('what has come to its end, or is ended, is measured no more', async (t) => {
  for (const how of ['end', 'abort'] as const) {
    const clock = createTestClock();
    const over = Promise.withResolvers<void>();
    const transfer = serveContent(
      async () => ({
        kind: 'content',
        range: { firstPos: 0, lastPos: 0 },
        completeLength: 1,
        body: Readable.from([Buffer.from('x')]),
      }),
      {
        start() {
          transfer.resume();
          if (how === 'abort') {
            transfer.abort();
            over.resolve();
          }
        },
        data() {},
        end: over.resolve,
        failed: over.reject,
      },
      clock,
    );
    await over.promise;
    // What is resumed amid `start` goes on in a later turn.
    await new Promise(setImmediate);
    t.equal(clock.timers, 0, how);
  }
});
