import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, parseStatusBytes, processTree } from '../process-figures.ts';

/** What a server took to start, and what it holds while nobody asks it for anything. */
export type IdleFigures = {
  /** Milliseconds from the start of the process to its first answer. */
  answeredMs: number;
  /** CPU time of all its processes up to then, in milliseconds. */
  cpuMs: number;
  /** Bytes, after `IDLE_SECONDS`. */
  resident: number;
  /** Resident bytes, those that it shares with other processes divided by their number. */
  proportional: number;
  /** Bytes of its own: what would come free if it ended. */
  own: number;
};

export const IDLE_SECONDS = 5;
const POLL_MS = 2;
const ANSWER_TIMEOUT_MS = 30_000;
const MILLISECONDS = 1000;

/** To be called at once after the start of `pid` at `startedAt` (`performance.now()`); any answer of HTTP counts as the first. */
export async function measureIdle(pid: number, startedAt: number, url: string): Promise<IdleFigures> {
  const deadline = startedAt + ANSWER_TIMEOUT_MS;
  while (!(await answers(url))) {
    if (performance.now() > deadline) throw new Error(`${url} gives no answer`);
    await delay(POLL_MS);
  }
  const answeredMs = performance.now() - startedAt;
  const cpuMs = cpuSeconds(pid) * MILLISECONDS;
  await delay(IDLE_SECONDS * MILLISECONDS);
  const rollups = processTree(pid).map((each) => readFileSync(`/proc/${each}/smaps_rollup`, 'utf8'));
  const sum = (...names: readonly string[]): number =>
    rollups.reduce(
      (total, rollup) => total + names.reduce((all, name) => all + parseStatusBytes(rollup, name), 0),
      0,
    );
  return {
    answeredMs,
    cpuMs,
    resident: sum('Rss'),
    proportional: sum('Pss'),
    own: sum('Private_Clean', 'Private_Dirty'),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
