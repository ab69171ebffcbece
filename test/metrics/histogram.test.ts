import * as prom from 'prom-client';
import t from 'tap';
import { createHistogram } from '../../src/metrics/histogram.ts';

const BUCKETS = [0.001, 0.0025, 0.5, 1, 30];
const VALUES = [0, 0.001, 0.0011, 0.0025, 0.3, 0.5, 29.999, 30, 31, 1e9, -1];

/** The same of prom-client's and of ours, on a registry each. */
function openBoth(labelNames: readonly string[]) {
  const theirs = new prom.Registry<prom.OpenMetricsContentType>();
  const ours = new prom.Registry<prom.OpenMetricsContentType>();
  theirs.setContentType(prom.openMetricsContentType);
  ours.setContentType(prom.openMetricsContentType);
  const metric = new prom.Histogram({
    name: 'taken_seconds',
    help: 'How long it took.',
    labelNames: [...labelNames],
    buckets: BUCKETS,
    enableExemplars: true,
    registers: [theirs],
  });
  const own = createHistogram('taken_seconds', 'How long it took.', labelNames, BUCKETS);
  ours.registerMetric(own as unknown as prom.Metric);
  return {
    observe(labels: Readonly<Record<string, string>>, value: number, trace?: string): void {
      const exemplarLabels = trace === undefined ? undefined : { trace_id: trace };
      metric.observe({ labels, value, ...(exemplarLabels && { exemplarLabels }) });
      own.observe(labels, value, exemplarLabels);
    },
    async same(what: string): Promise<void> {
      const withoutTime = (text: string) => text.replace(/ \d{10}(?:\.\d+)?$/gm, '');
      t.equal(withoutTime(await ours.metrics()), withoutTime(await theirs.metrics()), what);
      const inOrder = async (from: { get(): Promise<{ values: readonly object[] }> }) =>
        (await from.get()).values.map((value) => ({ exemplar: undefined, ...value, timestamp: undefined }));
      const withoutExemplars = (values: readonly object[]) =>
        values.map((value) => ({ ...value, exemplar: undefined }));
      t.same(
        withoutExemplars(await inOrder(own)),
        withoutExemplars(await inOrder(metric)),
        `${what}, as data`,
      );
    },
  };
}

t.test('it shows what prom-client would', async () => {
  const labelled = openBoth(['server', 'code']);
  await labelled.same('before the first observation');
  for (const value of VALUES) labelled.observe({ server: 'a', code: '200' }, value);
  labelled.observe({ code: '404', server: 'a' }, 2);
  await labelled.same('with labels, in whatever order');
  labelled.observe({ server: 'a', code: '200' }, 0.4, '0af7651916cd43dd8448eb211c80319c');
  await labelled.same('with an exemplar');

  const bare = openBoth([]);
  await bare.same('without labels it is there from the start');
  for (const value of VALUES) bare.observe({}, value);
  await bare.same('without labels');
});

t.test('what is no number is refused', (t) => {
  const histogram = createHistogram('taken_seconds', '', [], BUCKETS);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => histogram.observe({}, value, undefined), TypeError);
  t.end();
});
