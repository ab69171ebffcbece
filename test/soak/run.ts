import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CASES_FAILED, createReport } from '../e2e/report.ts';
import { judge } from './judge.ts';
import { formatReport } from './report-markdown.ts';
import type { SoakSettings } from './settings.ts';
import { soak } from './soak.ts';

// The inner half, inside the network of the run.

const [settingsFile = ''] = process.argv.slice(2);
const settings: SoakSettings = JSON.parse(await readFile(settingsFile, 'utf8'));
const failures: string[] = [];
const report = createReport((line) => {
  console.log(line);
  const [, failure] = /FAILED soak: (.+)/.exec(line) ?? [];
  if (failure !== undefined) failures.push(failure);
});
const stop = new AbortController();
/** Milliseconds to end everything in; what then still lives, the outer half ends. */
const END_MS = 60_000;
/** Milliseconds that all but the faults may take: start, warm-up, pauses, the last pulls. */
const BESIDES_MS = 1_200_000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Error(`ended by ${signal}`)));
}
setTimeout(
  () => stop.abort(new Error('the soak does not come to its end: a client is never done')),
  settings.seconds * 1000 + BESIDES_MS,
).unref();
// Without the outer half nobody would clean up after this one.
setInterval(() => {
  if (process.ppid !== settings.machinePid) stop.abort(new Error('the outer half is gone'));
}, 1000).unref();
stop.signal.addEventListener('abort', () => {
  void sleep(END_MS, undefined, { ref: false }).then(() => process.exit(1));
});

try {
  report.say(`seed ${settings.seed}, ${settings.seconds} s of faults`);
  const outcome = await soak(settings, (text) => report.say(text), stop.signal);
  await judge(outcome, report);
  const text = formatReport(settings, outcome, failures);
  if (settings.reportFile !== undefined) await writeFile(settings.reportFile, text);
  console.log(`\n${text}`);
} catch (error) {
  const why: unknown = stop.signal.aborted ? stop.signal.reason : error;
  report.fail('set-up', why instanceof Error ? (why.stack ?? why.message) : String(why));
}
process.exitCode = report.finish() ? 0 : CASES_FAILED;
