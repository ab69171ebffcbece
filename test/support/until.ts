import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when it is so; fails after a bound that only something broken reaches. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  boundMs = 20_000,
): Promise<void> {
  const endsAt = Date.now() + boundMs;
  while (!(await isSo())) {
    if (Date.now() > endsAt) throw new Error(`it did not come to be in ${boundMs} ms: ${what}`);
    await sleep(10);
  }
}
