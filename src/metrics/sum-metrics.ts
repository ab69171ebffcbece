/** One metric of one process, as prom-client's `getMetricsAsJSON` gives it: plain data. */
export type MetricSnapshot = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How several processes' values make one; `omit`: only the summing process's own is shown. */
  readonly aggregator?: string;
  readonly values: readonly MetricValue[];
};

export type MetricsSnapshot = readonly MetricSnapshot[];

export type MetricValue = {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a histogram's series. */
  readonly metricName?: string;
  readonly exemplar?: { readonly timestamp: number } | null;
};

/** The other processes of an instance. */
export type OtherProcesses = {
  /** What each has counted, those that have ended included. Never rejects: of one that does not answer, what it said last. */
  gather(): Promise<readonly MetricsSnapshot[]>;
};

/** One metric over all processes. A series appears where any of them has it. */
export function sumMetric(own: MetricSnapshot, others: readonly MetricsSnapshot[]): MetricSnapshot {
  const combine = COMBINATIONS[aggregatorOf(own)] ?? COMBINATIONS['first'];
  if (combine === undefined || combine === first) return own;
  const groups = new Map<string, MetricValue[]>();
  const theirs = others.flatMap((snapshot) => snapshot.filter(({ name }) => name === own.name));
  for (const { values } of [own, ...theirs]) {
    for (const value of values) {
      const key = seriesOf(own.name, value);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [value]);
      else group.push(value);
    }
  }
  const values = Array.from(groups.values(), (group): MetricValue => {
    const [head] = group as [MetricValue];
    if (group.length === 1) return head;
    const exemplar = newest(group);
    return { ...head, value: combine(group.map(({ value }) => value)), ...(exemplar && { exemplar }) };
  });
  return { ...own, values };
}

/** What processes that have ended had counted: their gauges end with them, their counts do not. */
export function keepCounts(kept: MetricsSnapshot, ended: MetricsSnapshot): MetricsSnapshot {
  const counts = ended.filter(isCount);
  const known = new Set(kept.map(({ name }) => name));
  return [
    ...kept.map((metric) => sumMetric(metric, [counts])),
    ...counts.filter(({ name }) => !known.has(name)),
  ];
}

/** prom-client would have the mean of these: one event loop that is blocked is not half as bad for another that is idle. */
const LAGS = /^nodejs_eventloop_lag_(?!min)/;

function aggregatorOf({ name, aggregator = 'sum' }: MetricSnapshot): string {
  return LAGS.test(name) ? 'max' : aggregator;
}

/**
 * Counts as they are shown, which never shrink: whose counts are added to whose changes with each process that ends, and with it the
 * last bit of a sum of seconds. Prometheus takes the least decrease for a restart, and counts all of it once more.
 */
export function createGrowth(): (sum: MetricSnapshot) => MetricSnapshot {
  const shown = new Map<string, number>();
  return (sum) => {
    if (!isCount(sum)) return sum;
    const values = sum.values.map((one) => {
      const key = seriesOf(sum.name, one);
      const value = Math.max(one.value, shown.get(key) ?? 0);
      shown.set(key, value);
      return value === one.value ? one : { ...one, value };
    });
    return { ...sum, values };
  };
}

const isCount = ({ type }: MetricSnapshot): boolean => type === 'counter' || type === 'histogram';

function seriesOf(name: string, { metricName = name, labels }: MetricValue): string {
  return JSON.stringify([metricName, Object.entries(labels).toSorted(byName)]);
}

const first = (values: readonly number[]): number => values[0] ?? 0;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const COMBINATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum,
  first,
  omit: first,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  average: (values) => sum(values) / values.length,
};

function newest(group: readonly MetricValue[]): MetricValue['exemplar'] | undefined {
  const exemplars = group.flatMap(({ exemplar }) => (exemplar ? [exemplar] : []));
  return exemplars.toSorted((a, b) => b.timestamp - a.timestamp)[0];
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
