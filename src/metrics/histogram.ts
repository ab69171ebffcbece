import { createSeriesTable } from './series-table.ts';
import type { MetricSnapshot, MetricValue } from './sum-metrics.ts';

/** A metric that prom-client shows, and that counts by itself. */
export type OwnHistogram<L> = {
  readonly name: string;
  /** @throws TypeError where the value is no finite number */
  observe(labels: L, value: number, exemplarLabels: Readonly<Record<string, string>> | undefined): void;
  /** What prom-client's registry asks a metric for. */
  get(): Promise<MetricSnapshot>;
};

type Exemplar = {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
};

type Series<L> = {
  readonly labels: L;
  /** For each bucket, and last what is above all, how many fell into it and not into the one before. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
};

/**
 * In place of prom-client's own, which looks each bucket up by its bound as text, three times for each observation: 0.4 to 3 µs,
 * of the 30 or so that a small request takes. Otherwise the same: series appear with their first observation.
 */
export function createHistogram<L extends Readonly<Record<string, string>>>(
  name: string,
  help: string,
  labelNames: readonly string[],
  buckets: readonly number[],
): OwnHistogram<L> {
  const all = createSeriesTable<L, Series<L>>(labelNames, (labels) => ({
    labels,
    counts: Array.from({ length: buckets.length + 1 }, () => 0),
    exemplars: [],
    sum: 0,
  }));

  function valuesOf({ labels, counts, exemplars, sum }: Series<L>): MetricValue[] {
    let count = 0;
    const values: MetricValue[] = counts.map((own, index) => ({
      metricName: `${name}_bucket`,
      labels: { le: buckets[index] ?? '+Inf', ...labels },
      value: (count += own),
      exemplar: exemplars[index] ?? null,
    }));
    return [
      ...values,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }

  // The only one there can be.
  if (labelNames.length === 0) all.of({} as L);

  return {
    name,
    observe(labels, value, exemplarLabels) {
      if (!Number.isFinite(value)) throw new TypeError(`${name}: ${value} is no number to observe`);
      const series = all.of(labels);
      let index = 0;
      while (value > (buckets[index] ?? Number.POSITIVE_INFINITY)) index += 1;
      series.counts[index] = (series.counts[index] ?? 0) + 1;
      series.sum += value;
      if (exemplarLabels !== undefined) {
        series.exemplars[index] = { labelSet: exemplarLabels, value, timestamp: Date.now() / 1000 };
      }
    },
    get: () =>
      Promise.resolve({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: all.list.flatMap(valuesOf),
      }),
  };
}
