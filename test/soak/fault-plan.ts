import { setTimeout as sleep } from 'node:timers/promises';
import { FAULT_KINDS, type FaultKind, type Link } from './link.ts';
import type { Random } from './random.ts';

/** How often each fault befell each link. */
export type FaultCounts = ReadonlyMap<string, ReadonlyMap<FaultKind, number>>;

export type FaultPlan = {
  /** From now on every link has faults of its own, one after another, several links at once. */
  start(): void;
  /** Resolves when every link is sound again. */
  stop(): Promise<void>;
  readonly counts: FaultCounts;
};

/** Milliseconds of a sound line between two of its faults. */
const BETWEEN_MS = [800, 5000] as const;
/** Milliseconds that a fault lasts: some outlast an idle timeout of the soak's Berths, most do not. */
const LASTS_MS: Readonly<Record<FaultKind, readonly [least: number, most: number]>> = {
  cut: [0, 0],
  reset: [0, 0],
  garbage: [0, 1000],
  stall: [200, 7000],
  slow: [500, 6000],
  delay: [500, 6000],
  refuse: [200, 4000],
  half_open: [200, 7000],
  outage: [200, 6000],
};

export function createFaultPlan(
  links: readonly { readonly link: Link; readonly kinds: readonly [FaultKind, ...FaultKind[]] }[],
  random: Random,
): FaultPlan {
  const counts = new Map(
    links.map(({ link }) => [link.name, new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]))]),
  );
  const streams = new Map(links.map(({ link }) => [link, random.fork(link.name)]));
  let stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();

  async function trouble(link: Link, kinds: readonly [FaultKind, ...FaultKind[]], signal: AbortSignal) {
    const own = streams.get(link) ?? random;
    const wait = (milliseconds: number) => sleep(milliseconds, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted) {
      await wait(own.between(...BETWEEN_MS));
      if (signal.aborted) break;
      const kind = own.pick(kinds);
      const of = counts.get(link.name);
      of?.set(kind, (of.get(kind) ?? 0) + 1);
      await link.begin(kind);
      await wait(own.between(...LASTS_MS[kind]));
      await link.clear();
    }
  }

  return {
    counts,
    start() {
      stopping = new AbortController();
      const { signal } = stopping;
      running = Promise.all(links.map(({ link, kinds }) => trouble(link, kinds, signal)));
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
