import { fork } from 'node:child_process';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { TARGETS } from './targets.ts';

// `npm run fuzz [-- CASES [SEED]]`: each target in a process of its own, so that a hang is one target's failure.

const CASES = 100_000;
/** For a whole target; 100,000 configurations take some minutes on two cores. */
const DEADLINE_MS = 15 * 60_000;

const [cases = String(CASES), seed = String(Date.now() % 2 ** 31), only] = process.argv.slice(2);

if (only !== undefined) {
  const target = TARGETS.find(({ name }) => name === only);
  if (target === undefined) throw new Error(`no target ${only}`);
  const result = fc.check(target.property, { numRuns: Number(cases), seed: Number(seed) });
  console.log(`${only}: ${result.numRuns} cases, seed ${seed}: ${result.failed ? 'FAILED' : 'holds'}`);
  if (result.failed) console.log(fc.defaultReportMessage(result));
  process.exitCode = result.failed ? 1 : 0;
} else {
  let failed = 0;
  for (const { name } of TARGETS) {
    const child = fork(import.meta.filename, [cases, seed, name], { timeout: DEADLINE_MS });
    const [code, signal]: unknown[] = await once(child, 'exit');
    if (code === 0) continue;
    failed += 1;
    if (signal !== null) console.log(`${name}: hangs, ended after ${DEADLINE_MS} ms, seed ${seed}`);
  }
  console.log(`${TARGETS.length - failed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}
