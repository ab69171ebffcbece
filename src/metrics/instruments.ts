import * as prom from 'prom-client';
import { createHistogram } from './histogram.ts';
import { createSeriesTable } from './series-table.ts';
import {
  createGrowth,
  type MetricSnapshot,
  type MetricsSnapshot,
  type OtherProcesses,
  sumMetric,
} from './sum-metrics.ts';

/** For each label the values it may take. */
export type LabelSets = Readonly<Record<string, readonly string[]>>;
export type Labels<S extends LabelSets> = { readonly [K in keyof S]: S[K][number] };

/** Adds to one series without looking labels up: for code that runs once per chunk. */
export type CounterHandle = { inc(amount?: number): void };

export type Counter<L> = {
  inc(labels: L, amount?: number): void;
  /** A handle for one series; make it once, use it often. */
  handle(labels: L): CounterHandle;
  /** What a scrape would show now; for tests. */
  value(labels: L): Promise<number>;
};

export type Gauge<L> = {
  set(labels: L, value: number): void;
  /**
   * Asks `read` at every scrape; several readers are combined (summed, if not said otherwise). Returns a function that
   * takes this one away. A gauge that has readers must not be set as well.
   */
  collect(read: () => Iterable<readonly [L, number]>): () => void;
  /** What a scrape would show now; for tests. */
  value(labels: L): Promise<number>;
};

export type Histogram<L> = {
  observe(labels: L, value: number): void;
  /** How many observations one series has; for tests. */
  count(labels: L): Promise<number>;
};

/** What a metric is, for the comparison with docs/metrics.md. */
export type Description = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: LabelSets;
};

/** `openmetrics` alone can carry exemplars; `prometheus` is what every scraper reads. */
export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** What an exemplar says: the trace in which an observation was made. */
export type ExemplarLabels = { readonly trace_id: string; readonly span_id: string };

export type Instruments = {
  /** What this process alone has counted, as plain data for another one that sums it. */
  snapshot(): Promise<MetricsSnapshot>;
  exposition(format: ExpositionFormat): Promise<{ readonly contentType: string; readonly text: string }>;
  readonly descriptions: readonly Description[];
  /** `initial` lists the series that start at 0; left out: every combination. */
  counter<const S extends LabelSets>(
    name: string,
    help: string,
    labels: S,
    initial?: Iterable<Labels<S>>,
  ): Counter<Labels<S>>;
  /** `combine` joins what several readers say about one series; left out: their sum. */
  gauge<const S extends LabelSets>(
    name: string,
    help: string,
    labels: S,
    combine?: (a: number, b: number) => number,
  ): Gauge<Labels<S>>;
  /** Series appear with their first observation: each one is as many lines as there are buckets. */
  histogram<const S extends LabelSets>(
    name: string,
    help: string,
    labels: S,
    buckets: readonly number[],
  ): Histogram<Labels<S>>;
  /** A gauge that is always 1 and whose labels carry text known at start. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void;
};

/** Gauges of prom-client's own that are named like counters; `nodejs_active_handles` and the like say the same by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
] as const;

/**
 * Makes instruments on a registry of their own, Node's and the process's metrics included.
 *
 * @param others what other processes have counted, which is shown together with what this one has; left out: there are none
 */
export function createInstruments(
  exemplar: () => ExemplarLabels | undefined,
  others?: OtherProcesses,
): Instruments {
  const registry = new prom.Registry();
  // Its type is fixed to the format that it is made with; itself, it takes the other as well.
  const formats = registry as unknown as Pick<prom.Registry<prom.RegistryContentType>, 'setContentType'>;
  // Only then do histograms take exemplars.
  formats.setContentType(prom.openMetricsContentType);
  prom.collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const descriptions: Description[] = [];
  const growth = createGrowth();

  const snapshot = (): Promise<MetricsSnapshot> =>
    registry.getMetricsAsJSON() as Promise<unknown> as Promise<MetricsSnapshot>;
  const whole: ReadWhole = async (metric) => {
    const own = (await metric.get()) as MetricSnapshot;
    return others === undefined ? own : sumMetric(own, await others.gather());
  };

  /** Of copies: for OpenMetrics a registry renames the counters that it holds, and they would have lost their names for good. */
  async function exposeCopies(format: ExpositionFormat) {
    const copies = new prom.Registry();
    // As above.
    (copies as unknown as typeof formats).setContentType(
      format === 'openmetrics' ? prom.openMetricsContentType : prom.prometheusContentType,
    );
    const [own, theirs] = await Promise.all([snapshot(), others === undefined ? [] : others.gather()]);
    for (const metric of own) {
      // The registry renames counters for OpenMetrics, and then takes the name of what it is given.
      const sum: object = { ...growth(sumMetric(metric, theirs)), get: () => Promise.resolve(sum) };
      copies.registerMetric(sum as prom.Metric);
    }
    return { contentType: copies.contentType, text: await copies.metrics() };
  }

  return {
    snapshot,
    async exposition(format) {
      if (others !== undefined || format === 'openmetrics') return exposeCopies(format);
      formats.setContentType(prom.prometheusContentType);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    descriptions,
    counter(name, help, labels, initial) {
      descriptions.push({ name, type: 'counter', help, labels });
      return createCounter(registry, whole, name, help, labels, initial ?? combinations(labels));
    },
    gauge(name, help, labels, combine) {
      descriptions.push({ name, type: 'gauge', help, labels });
      return createGauge(registry, whole, name, help, labels, combine ?? ((a, b) => a + b));
    },
    histogram(name, help, labels, buckets) {
      descriptions.push({ name, type: 'histogram', help, labels });
      const metric = createHistogram(name, help, Object.keys(labels), buckets);
      // Of a metric it asks no more than these.
      registry.registerMetric(metric as unknown as prom.Metric);
      return {
        observe: (series, value) => metric.observe(series, value, exemplar()),
        count: async (series) => {
          const { values } = await whole(metric);
          return (
            values.find((v) => v.metricName === `${name}_count` && sameLabels(v.labels, series))?.value ?? 0
          );
        },
      };
    },
    info(name, help, labels) {
      const sets = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, [value]]));
      descriptions.push({ name, type: 'gauge', help, labels: sets });
      new prom.Gauge({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [registry],
        aggregator: 'max',
      }).set(labels, 1);
    },
  };
}

function createCounter<S extends LabelSets>(
  registry: prom.Registry,
  whole: ReadWhole,
  name: string,
  help: string,
  labels: S,
  initial: Iterable<Labels<S>>,
): Counter<Labels<S>> {
  // prom-client hashes the labels on every inc(): about a microsecond. Here only a number grows; it moves over when somebody
  // scrapes.
  const labelNames = Object.keys(labels);
  const pending = createSeriesTable<Labels<S>, { readonly series: Labels<S>; amount: number }>(
    labelNames,
    (series) => ({ series, amount: 0 }),
  );
  const metric = new prom.Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      for (const entry of pending.list) {
        metric.inc(entry.series, entry.amount);
        entry.amount = 0;
      }
    },
  });
  for (const series of initial) metric.inc(series, 0);

  return {
    inc(series, amount = 1) {
      pending.of(series).amount += amount;
    },
    handle(series) {
      // One however often it is asked for, so that callers may ask per transfer.
      const target = pending.of(series);
      return {
        inc(amount = 1) {
          target.amount += amount;
        },
      };
    },
    value: async (series) => valueOf(await whole(metric), series),
  };
}

function createGauge<S extends LabelSets>(
  registry: prom.Registry,
  whole: ReadWhole,
  name: string,
  help: string,
  labels: S,
  combine: (a: number, b: number) => number,
): Gauge<Labels<S>> {
  const readers = new Set<() => Iterable<readonly [Labels<S>, number]>>();
  let collected = false;
  const metric = new prom.Gauge({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
    // Of several processes as of several readers.
    aggregator: combine === Math.min ? 'min' : combine === Math.max ? 'max' : 'sum',
    collect() {
      if (!collected) return;
      const said = [...readers].flatMap((read) => [...read()]);
      const closed = combinations(labels);
      // Names of the configuration: those that are said now are all there are.
      if (closed.length === 0) metric.reset();
      for (const series of closed.length > 0 ? closed : said.map(([own]) => own)) {
        const values = said.filter(([own]) => sameLabels(own, series)).map(([, value]) => value);
        metric.set(series, values.length === 0 ? 0 : values.reduce((a, b) => combine(a, b)));
      }
    },
  });
  for (const series of combinations(labels)) metric.set(series, 0);
  return {
    set: (series, value) => metric.set(series, value),
    collect(read) {
      collected = true;
      readers.add(read);
      return () => {
        readers.delete(read);
      };
    },
    value: async (series) => valueOf(await whole(metric), series),
  };
}

/** Every combination of label values; one empty combination where there are no labels. */
function combinations<S extends LabelSets>(labels: S): Labels<S>[] {
  let rows: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [label]: value })));
  }
  // The rows are built from S; TypeScript cannot follow.
  return rows as Labels<S>[];
}

/** What all processes have counted of one metric. */
type ReadWhole = (metric: { get(): Promise<unknown> }) => Promise<MetricSnapshot>;

type Labelled = { readonly [label: string]: string | number | undefined };

function sameLabels(a: Labelled, b: Labelled): boolean {
  return Object.keys(b).every((key) => a[key] === b[key]);
}

function valueOf(metric: MetricSnapshot, series: Labelled): number {
  return metric.values.find((v) => sameLabels(v.labels, series))?.value ?? 0;
}
