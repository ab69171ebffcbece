import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createGrowth, keepCounts, type MetricsSnapshot, sumMetric } from '../../src/metrics/sum-metrics.ts';

const gauge = (aggregator: string, value: number) =>
  ({ name: 'g', help: '', type: 'gauge', aggregator, values: [{ value, labels: {} }] }) as const;

t.test('gauges are combined as each says', async (t) => {
  for (const [aggregator, expected] of [
    ['sum', 6],
    ['min', 1],
    ['max', 3],
    ['average', 2],
    ['first', 2],
    ['omit', 2],
  ] as const) {
    const sum = sumMetric(gauge(aggregator, 2), [[gauge(aggregator, 1)], [gauge(aggregator, 3)]]);
    t.same(
      sum.values.map(({ value }) => value),
      [expected],
      aggregator,
    );
  }
});

t.test('of event loops the one that is latest is shown', async (t) => {
  for (const [name, expected] of [
    ['nodejs_eventloop_lag_p99_seconds', 0.9],
    ['nodejs_eventloop_lag_seconds', 0.9],
    ['nodejs_eventloop_lag_mean_seconds', 0.9],
    ['nodejs_eventloop_lag_min_seconds', 0.1],
  ] as const) {
    const one = { ...gauge(name.includes('min') ? 'min' : 'average', 0.1), name };
    const other = { ...one, values: [{ value: 0.9, labels: {} }] };
    t.match(sumMetric(one, [[other]]).values, [{ value: expected }], name);
  }
});

t.test('a count that is shown does not shrink by the last bit when another adds it up', async (t) => {
  const seconds = (...parts: number[]) =>
    parts.map((value) => [{ name: 's_total', help: '', type: 'counter', values: [{ value, labels: {} }] }]);
  const gathered = [seconds(0.1, 0.2), seconds(0.2, 0.1), seconds(0.2, 0.1, 1)];
  const growth = createGrowth();
  const [own] = seconds(0.3)[0] ?? [];
  if (own === undefined) throw new Error('there is one');
  const shown = gathered.map((others) => growth(sumMetric(own, others)).values[0]?.value ?? 0);
  t.ok(0.3 + 0.1 + 0.2 > 0.3 + 0.2 + 0.1, 'which it would');
  t.same(shown, [0.3 + 0.1 + 0.2, 0.3 + 0.1 + 0.2, 0.3 + 0.2 + 0.1 + 1]);
  t.equal(growth(gauge('sum', 3)).values[0]?.value, 3);
  t.equal(growth(gauge('sum', 2)).values[0]?.value, 2, 'a gauge may');
});

t.test('what a process had counted stays when it is gone; what it showed does not', async (t) => {
  const here = createMetrics();
  const there = createMetrics();
  there.redirects.inc({ delivery: 'inline' }, 3);
  there.blobTimeToFirstByte.observe({ source: 'cache' }, 0.02);
  there.draining.set({}, 1);
  const kept = keepCounts(keepCounts([], await there.snapshot()), await there.snapshot());
  const whole = createMetrics(undefined, undefined, { gather: () => Promise.resolve([kept]) });
  whole.redirects.inc({ delivery: 'inline' });
  t.equal(await whole.redirects.value({ delivery: 'inline' }), 7);
  t.equal(await whole.blobTimeToFirstByte.count({ source: 'cache' }), 2);
  t.equal(await whole.draining.value({}), 0);
  t.equal(await here.redirects.value({ delivery: 'inline' }), 0);
});

t.test('all processes are one exposition, in both formats, with the newest exemplar', async (t) => {
  const snapshots: MetricsSnapshot[] = [];
  const ids = ['0'.repeat(31), '1'.repeat(31)];
  for (const id of ids) {
    const process = createMetrics(undefined, () => ({ trace_id: `${id}a`, span_id: '0'.repeat(15) + '1' }));
    process.blobTimeToFirstByte.observe({ source: 'fill' }, 0.02);
    process.ticketsIssued.inc({});
    snapshots.push(await process.snapshot());
  }
  const whole = createMetrics(undefined, undefined, { gather: () => Promise.resolve(snapshots) });
  const plain = await whole.exposition('prometheus');
  t.match(plain.text, /^berth_tickets_issued_total 2$/m);
  t.match(plain.text, /^berth_blob_time_to_first_byte_seconds_count\{source="fill"\} 2$/m);
  const open = await whole.exposition('openmetrics');
  t.match(open.contentType, /openmetrics/);
  t.match(open.text, /^berth_tickets_issued_total 2$/m);
  t.match(open.text, /_bucket\{[^}]*source="fill"[^}]*\} 2 # \{.*trace_id="/);
  t.notMatch(open.text, /_total_total/);
  t.match(open.text, /# EOF\n$/);
  t.equal((await whole.exposition('prometheus')).text.includes('_total_total'), false);
});
