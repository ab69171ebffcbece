/** What counters said at one moment. */
export type TrafficTotals = {
  /** Bytes of blobs written to clients, by where they came from. */
  readonly cache: number;
  readonly fill: number;
  readonly upstream: number;
  /** Bytes read from storage and registries. */
  readonly fetched: number;
  /** Blob transfers by whether the disk cache had the blob. */
  readonly hits: number;
  readonly misses: number;
};

/** What happened in the span that ended at `at` (Unix milliseconds). */
export type TrafficSample = TrafficTotals & { readonly at: number; readonly spanMs: number };

export type TrafficHistory = {
  /** Takes what the counters say now. */
  add(at: number, totals: TrafficTotals): void;
  /** Of the last hour, the oldest first. */
  samples(): readonly TrafficSample[];
};

/** Milliseconds between two samples: fine enough to see a pull begin, and 360 of them are an hour. */
export const SAMPLE_MS = 10_000;
export const HISTORY_MS = 60 * 60 * 1000;

export const NO_TRAFFIC: TrafficTotals = { cache: 0, fill: 0, upstream: 0, fetched: 0, hits: 0, misses: 0 };

export function createTrafficHistory(startedAt: number): TrafficHistory {
  let samples: TrafficSample[] = [];
  let before: { readonly at: number; readonly totals: TrafficTotals } = { at: startedAt, totals: NO_TRAFFIC };
  return {
    add(at, totals) {
      const spanMs = at - before.at;
      if (spanMs <= 0) return;
      samples.push({ at, spanMs, ...difference(totals, before.totals) });
      before = { at, totals };
      samples = samples.filter((sample) => sample.at > at - HISTORY_MS);
    },
    samples: () => samples,
  };
}

/** All of it together. */
export function sumTraffic(samples: readonly TrafficSample[]): TrafficTotals {
  const sum = { ...NO_TRAFFIC };
  for (const sample of samples) for (const key of keysOf(NO_TRAFFIC)) sum[key] += sample[key];
  return sum;
}

function difference(after: TrafficTotals, before: TrafficTotals): TrafficTotals {
  const grown = { ...NO_TRAFFIC };
  for (const key of keysOf(NO_TRAFFIC)) grown[key] = after[key] - before[key];
  return grown;
}

function keysOf(totals: TrafficTotals): (keyof TrafficTotals)[] {
  // The keys of a literal; TypeScript says string for all objects.
  return Object.keys(totals) as (keyof TrafficTotals)[];
}
