import { setTimeout as delay } from 'node:timers/promises';

import { cpuSeconds } from './process-figures.ts';

const QUIET_MS = 500;
/** A tick of the clock that counts CPU, and a little: what an idle process may spend meanwhile. */
const QUIET_SECONDS = 0.015;
const TIMEOUT_MS = 20_000;

/** Waits until a process is at rest: it may still be writing when its clients have everything. Throws after 20 s. */
export async function settleCpu(pid: number): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const before = cpuSeconds(pid);
    await delay(QUIET_MS);
    if (cpuSeconds(pid) - before < QUIET_SECONDS) return;
    if (Date.now() > deadline) throw new Error(`process ${pid} does not come to rest`);
  }
}
