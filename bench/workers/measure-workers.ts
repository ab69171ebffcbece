import { readFileSync } from 'node:fs';
import { cpuSeconds, parseCpuTicks, processTree } from '../process-figures.ts';

const TICKS_PER_SECOND = 100;

export type WorkersFigures = {
  /** Units (requests, GiB) a second, with the load generator and the origin on the same cores. */
  perSecond: number;
  /** CPU seconds of all of Berth's processes per unit. */
  cpuPerUnit: number;
  /** CPU seconds of the event loop that had most to do, per unit of all. */
  busiestPerUnit: number;
  /** Share of the time that this event loop was at work. */
  busiestShare: number;
  /** Share that Berth took of the CPU time that everything else on the machine left to it. */
  takenShare: number;
};

/** One round of `load`, which gives the seconds that it took and the units that came. */
export async function measureWorkers(
  pid: number,
  cores: number,
  load: () => Promise<{ seconds: number; units: number }>,
): Promise<WorkersFigures> {
  const [before, loopsBefore, machineBefore] = [cpuSeconds(pid), loopSeconds(pid), machineSeconds()];
  const begun = performance.now();
  const { seconds, units } = await load();
  const elapsed = (performance.now() - begun) / 1000;
  const busiest = Math.max(
    ...Array.from(loopSeconds(pid), ([each, spent]) => spent - (loopsBefore.get(each) ?? 0)),
  );
  const cpu = cpuSeconds(pid) - before;
  const others = machineSeconds() - machineBefore - cpu;
  return {
    perSecond: units / seconds,
    cpuPerUnit: cpu / units,
    busiestPerUnit: busiest / units,
    busiestShare: busiest / elapsed,
    takenShare: cpu / (cores * elapsed - others),
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

/** CPU time of the whole machine that was not idle (proc(5) stat: all but idle and iowait; guests are in user and nice). */
function machineSeconds(): number {
  const [total = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = total
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
