import t from 'tap';
import { createClientLimits, type LimitChange } from '../../src/policy/client-limits.ts';
import { createBatch } from '../../src/workers/batch.ts';
import { createLimitExchange } from '../../src/workers/limit-exchange.ts';
import { createRestartPause } from '../../src/workers/restart-pause.ts';
import { until } from '../support/until.ts';

const LIMITS = {
  connectionsPerClient: 3,
  requestsPerClient: { perSecond: 1, burst: 2 },
  transfersPerClient: null,
};

/** Workers that tell each other at once. */
function openWorkers(count: number) {
  const exchange = createLimitExchange((from, changes) => {
    for (const [number, limits] of workers.entries()) {
      if (number !== from) for (const change of changes) limits.hear(change);
    }
  });
  const open = (number: number) =>
    createClientLimits(
      LIMITS,
      () => 0,
      (change) => exchange.told(number, [change]),
    );
  const workers = Array.from({ length: count }, (_, number) => open(number));
  return { exchange, workers };
}

t.test('a client has its connections at all workers together', async (t) => {
  const { exchange, workers } = openWorkers(3);
  const [one, two, three] = workers;
  const end = one?.beginConnection('192.0.2.1');
  t.ok(end);
  t.ok(two?.beginConnection('192.0.2.1'));
  t.ok(two?.beginConnection('192.0.2.1'));
  for (const limits of workers) t.notOk(limits.beginConnection('192.0.2.1'));
  t.ok(three?.beginConnection('192.0.2.2'), 'another client');
  end?.();
  t.ok(three?.beginConnection('192.0.2.1'));
  t.notOk(one?.beginConnection('192.0.2.1'));
  exchange.left(1);
  t.ok(one?.beginConnection('192.0.2.1'), 'what a worker had that is gone is free');
  const later = createClientLimits(LIMITS, () => 0);
  for (const change of exchange.total()) later.hear(change);
  t.ok(later.beginConnection('192.0.2.1'));
  t.notOk(later.beginConnection('192.0.2.1'), 'a new one knows what the others have');
});

t.test('requests of a client are taken from one bucket', async (t) => {
  const { workers } = openWorkers(2);
  const [one, two] = workers;
  t.equal(one?.takeRequest('192.0.2.1'), 0);
  t.equal(two?.takeRequest('192.0.2.1'), 0);
  t.equal(one?.takeRequest('192.0.2.1'), 1);
  t.equal(two?.takeRequest('192.0.2.1'), 1);
});

t.test('a batch sums up, and does not say what comes to nothing', async (t) => {
  const said: (readonly Omit<LimitChange, never>[])[] = [];
  const batch = createBatch<{ kind: 'connections' | 'transfers'; key: string }>(
    5,
    (items) => void said.push(items),
  );
  batch.add({ kind: 'connections', key: 'a' }, 1);
  batch.add({ kind: 'connections', key: 'a' }, 1);
  batch.add({ kind: 'transfers', key: 'a' }, 1);
  batch.add({ kind: 'transfers', key: 'a' }, -1);
  await until(() => said.length > 0, 'it is said by itself');
  t.same(said, [[{ kind: 'connections', key: 'a', by: 2 }]]);
  batch.flush();
  t.equal(said.length, 1);
});

t.test('a worker that ends early is replaced ever later', async (t) => {
  const pause = createRestartPause();
  t.same(
    Array.from({ length: 11 }, () => pause.next(1000)),
    [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000],
  );
  t.equal(pause.next(60_000), 100, 'one that has lived for a while at once');
});
