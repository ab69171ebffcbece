import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import { type ProgressWatch, STUCK_KINDS, type Stuck, type StuckKind } from '../metrics/progress-watch.ts';

/** What stands still, for probes, metrics and the log. */
export type StuckReport = {
  /** One check per kind, named as `/readyz` shall name it. */
  readonly checks: Readonly<Record<`stuck_${StuckKind}`, () => boolean>>;
  close(): void;
};

/** Milliseconds between two looks for the log; a probe and a scrape look by themselves. */
const LOOK_MS = 5000;
/** What one line names of a kind: more of the same has the same cause. */
const NAMED = 3;

export function watchProgress(
  watch: ProgressWatch,
  deps: {
    readonly metrics: Pick<Metrics, 'stuck' | 'stuckSeconds'>;
    readonly log: Pick<Logger, 'error' | 'info'>;
    /** Calls back again and again, every so many milliseconds, until it is cancelled by what it returns. */
    readonly every?: (milliseconds: number, act: () => void) => () => void;
  },
): StuckReport {
  const { metrics, log, every = startInterval } = deps;
  const of = (kind: StuckKind): readonly Stuck[] => watch.look().filter((stuck) => stuck.kind === kind);
  const forget = [
    metrics.stuck.collect(() => STUCK_KINDS.map((kind) => [{ kind }, of(kind).length] as const)),
    metrics.stuckSeconds.collect(() =>
      STUCK_KINDS.map((kind) => [{ kind }, (of(kind)[0]?.idleMs ?? 0) / 1000] as const),
    ),
  ];
  let told = new Set<StuckKind>();

  function tell(): void {
    const found = watch.look();
    const kinds = new Set(found.map(({ kind }) => kind));
    for (const kind of kinds) {
      if (told.has(kind)) continue;
      const stuck = found.filter((one) => one.kind === kind);
      log.error(
        {
          stuck: kind,
          count: stuck.length,
          seconds: Math.round((stuck[0]?.idleMs ?? 0) / 1000),
          which: stuck.slice(0, NAMED).map(({ what }) => what),
        },
        'something stands still: /readyz fails until it moves; see docs/operate.md',
      );
    }
    for (const kind of told) if (!kinds.has(kind)) log.info({ stuck: kind }, 'it moves again');
    told = kinds;
  }

  const cancel = every(LOOK_MS, tell);
  // The names of the kinds are those of the union.
  const checks = Object.fromEntries(
    STUCK_KINDS.map((kind) => [`stuck_${kind}`, () => of(kind).length === 0]),
  ) as StuckReport['checks'];
  return {
    checks,
    close() {
      cancel();
      for (const stop of forget) stop();
    },
  };
}

function startInterval(milliseconds: number, act: () => void): () => void {
  const timer = setInterval(act, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
}
