import { readFileSync } from 'node:fs';
import { cpuSeconds, parseCpuTicks, processTree } from '../process-figures.ts';

const TICKS_PER_SECOND = 100;

export type WorkersFigures = {
  /** Units (requests, GiB) a second, with the load generator on the same cores. */
  perSecond: number;
  /** CPU seconds of all processes per unit. */
  cpuPerUnit: number;
  /** CPU seconds of the event loop that had most to do, per unit of all. */
  busiestPerUnit: number;
};

/** One round of `load`, which gives the seconds that it took for `units`. */
export async function measureWorkers(
  pid: number,
  units: number,
  load: () => Promise<number>,
): Promise<WorkersFigures> {
  const [before, loopsBefore] = [cpuSeconds(pid), loopSeconds(pid)];
  const seconds = await load();
  const busiest = Math.max(
    ...Array.from(loopSeconds(pid), ([each, spent]) => spent - (loopsBefore.get(each) ?? 0)),
  );
  return {
    perSecond: units / seconds,
    cpuPerUnit: (cpuSeconds(pid) - before) / units,
    busiestPerUnit: busiest / units,
  };
}

/**
 * Units a second that this would come to with `cores` cores of its own: as many as the busiest event loop can do in a second, or
 * all processes on all cores, whichever is less.
 */
export function capacity({ cpuPerUnit, busiestPerUnit }: WorkersFigures, cores: number): number {
  return Math.min(1 / busiestPerUnit, cores / cpuPerUnit);
}

/** Of each process the CPU of its first thread, which runs the event loop. */
function loopSeconds(pid: number): ReadonlyMap<number, number> {
  return new Map(
    processTree(pid).map((each) => [
      each,
      parseCpuTicks(readFileSync(`/proc/${each}/task/${each}/stat`, 'utf8')) / TICKS_PER_SECOND,
    ]),
  );
}
