import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Ticks per second of the times in /proc: USER_HZ, which Linux fixes at 100 for every architecture Node runs on. */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KIBIBYTE = 1024;

/** User plus system time of the process and all its living descendants, in seconds, to a tick of 10 ms. */
export function cpuSeconds(pid: number): number {
  return sum(processTree(pid), (each) => parseCpuTicks(read(`/proc/${each}/stat`))) / TICKS_PER_SECOND;
}

/** Resident bytes now, and the most since `resetPeak`; sums over the process and its descendants. */
export function residentBytes(pid: number): { now: number; peak: number } {
  const statuses = processTree(pid).map((each) => read(`/proc/${each}/status`));
  return {
    now: sum(statuses, (status) => parseStatusBytes(status, 'VmRSS')),
    peak: sum(statuses, (status) => parseStatusBytes(status, 'VmHWM')),
  };
}

/** Makes VmHWM start again from what is resident now (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  for (const each of processTree(pid)) writeFileSync(`/proc/${each}/clear_refs`, '5');
}

/** utime and stime (fields 14 and 15 of proc(5) stat); the second field, a name, may itself hold spaces and parentheses. */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** A `kB` line of proc(5) status, in bytes; 0 where it is missing. */
export function parseStatusBytes(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status);
  return match ? Number(match[1]) * BYTES_PER_KIBIBYTE : 0;
}

/** The process and its descendants; a child belongs to the thread that made it. */
export function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processTree)];
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
