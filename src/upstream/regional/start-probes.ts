import type { ProbeResult, RegionHealth } from './region-health.ts';

export type ProbeTarget = {
  readonly health: RegionHealth;
  /** Asks each part that is known, tells `health`, and gives the worst; rejects with nothing but the signal's reason. */
  probe(signal: AbortSignal): Promise<ProbeResult>;
};

export type ProbeTimings = {
  /** Milliseconds from one probe to the next. */
  readonly intervalMs: number;
  /** The same while the region is not used: nothing else tells that it is back. */
  readonly failingIntervalMs: number;
  /** Milliseconds for one probe. */
  readonly timeoutMs: number;
  /** Milliseconds; see `createBreaker`. */
  readonly holdMs: number;
};

export const PROBE_TIMINGS: ProbeTimings = {
  // Four questions a minute are nothing to a registry, and a region that nobody asks is known to fail within one.
  intervalMs: 15_000,
  failingIntervalMs: 5_000,
  timeoutMs: 5_000,
  holdMs: 5_000,
};

/** Share by which an interval is shorter or longer, so that instances started together do not ask together. */
const JITTER = 0.2;

export type ProbesDeps = {
  readonly timings: ProbeTimings;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly onProbe: (region: string, result: ProbeResult) => void;
};

/** Probes each region by itself, one probe at a time, until the function returned is called. */
export function startProbes(targets: readonly ProbeTarget[], deps: ProbesDeps): () => void {
  const { timings, random, onProbe } = deps;
  const stopped = new AbortController();
  const timers = new Set<NodeJS.Timeout>();

  function schedule(target: ProbeTarget, afterMs: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      void run(target);
    }, afterMs);
    // What is only looked at must not keep a process.
    timer.unref();
    timers.add(timer);
  }

  async function run(target: ProbeTarget): Promise<void> {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(timings.timeoutMs)]);
    const result = await target.probe(signal).catch((): ProbeResult => 'failed');
    if (stopped.signal.aborted) return;
    target.health.probed(result);
    onProbe(target.health.region, result);
    const base = target.health.isUsable ? timings.intervalMs : timings.failingIntervalMs;
    schedule(target, base * (1 + JITTER * (2 * random() - 1)));
  }

  for (const target of targets) schedule(target, random() * timings.failingIntervalMs);
  return () => {
    stopped.abort();
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };
}
