import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPrograms } from '../e2e/install.ts';
import { createNetwork, networkOf, removeLeftovers, removeNetwork } from '../e2e/network.ts';
import { CASES_FAILED, createReport } from '../e2e/report.ts';
import { createSpace } from '../e2e/space.ts';
import type { SoakSettings } from './settings.ts';

// `npm run soak`: two replicas of Berth between two regions and many clients, with random faults on every line at once.
//
// This is the outer half, as in test/e2e/main.ts: it makes a network of its own, runs `run.ts` in it and takes everything down.
//
// npm run soak                       ten minutes; BERTH_SOAK_SECONDS=60 says otherwise
// npm run soak -- --minutes 60       an hour
// npm run soak -- --seed 12345       the faults of an earlier run
// npm run soak -- --report           writes docs/reliability.md
// BERTH_SOAK_KEEP=1                  keeps the folder with all logs, as berth-soak-kept-<pid> among the temporary ones

const DEFAULT_SECONDS = 600;
const report = createReport((line) => console.log(line));

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
}

function readArguments(): Pick<SoakSettings, 'seconds' | 'seed' | 'reportFile'> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      report: { type: 'boolean', default: false },
    },
  });
  const seconds =
    values.minutes === undefined
      ? Number(process.env['BERTH_SOAK_SECONDS'] ?? DEFAULT_SECONDS)
      : Number(values.minutes) * 60;
  if (!(seconds >= 30)) throw new Error('a soak takes 30 seconds at least: --minutes 0.5');
  const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error('--seed: a whole number');
  const reportFile = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
  return { seconds, seed, reportFile: values.report ? reportFile : undefined };
}

/** Runs the inner half; gives its exit code once it has printed its closing line, else throws. */
async function runInside(settings: SoakSettings): Promise<number> {
  const { network, directory } = settings;
  await createNetwork(network);
  const space = await createSpace(network.servers, join(directory, 'servers'), process.pid);
  const settingsFile = join(directory, 'settings.json');
  await writeFile(settingsFile, JSON.stringify(settings));
  const script = fileURLToPath(new URL('run.ts', import.meta.url));
  const [file = '', ...args] = space.argv([process.execPath, script, settingsFile]);
  stop.signal.throwIfAborted();
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TMPDIR: directory },
  });
  stop.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0 || code === CASES_FAILED) resolve(code);
      else reject(new Error(`the run itself ended with ${code ?? signal}`));
    });
  });
}

async function runAll(): Promise<number> {
  const asked = readArguments();
  const programs = await installPrograms((text) => report.say(text));
  await removeLeftovers(tmpdir());
  const network = networkOf(process.pid);
  const directory = await mkdtemp(join(tmpdir(), `berth-e2e-${process.pid}-`));
  try {
    return await runInside({ ...asked, programs, network, directory, machinePid: process.pid });
  } finally {
    await removeNetwork(network);
    if (process.env['BERTH_SOAK_KEEP'] === undefined) await rm(directory, { recursive: true, force: true });
    else await rename(directory, join(tmpdir(), `berth-soak-kept-${process.pid}`));
  }
}

try {
  process.exitCode = (await runAll()) === 0 ? 0 : 1;
} catch (error) {
  report.fail('set-up', error instanceof Error ? error.message : String(error));
  report.finish();
  process.exitCode = 1;
}
