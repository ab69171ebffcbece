import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './deploy/prepare.ts';
import { installPrograms, type Programs } from './install.ts';
import { createNetwork, type Network, networkOf, removeLeftovers, removeNetwork } from './network.ts';
import { CASES_FAILED, createReport } from './report.ts';
import { createSpace } from './space.ts';

// `npm run e2e`: real clients, a real registry and Azurite, with Berth between them.
//
// This is the outer half: it installs programs, makes the two network namespaces, runs `run.ts` inside the servers' one
// and takes everything down again, whatever happened to that process.
//
// npm run e2e -- dedicated private   only these scenarios: direct dedicated mirror other health shells sidecar get-started symptoms push blob-path warm regions
//                                    private leaks firewall-formats closed hostile console conformance process
//                                    package image deploy observe outage short-links
// BERTH_E2E_KEEP=1                   keeps the folder with all logs, as berth-e2e-kept-<pid> among the temporary ones
// BERTH_E2E_VERBOSE=1                prints what the conformance program prints

const report = createReport((line) => console.log(line));
const say = (text: string) => report.say(text);

// Before there is an inner half, the step under way is let end: a half-done apt-get harms the machine.
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
}

/** Runs the inner half; gives its exit code once it has printed its closing line, else throws. */
async function runInside(programs: Programs, network: Network, directory: string): Promise<number> {
  const only = process.argv.slice(2);
  const prepared = await prepare(directory, (name) => only.length === 0 || only.includes(name), say);
  stop.signal.throwIfAborted();
  await createNetwork(network);
  const space = await createSpace(network.servers, join(directory, 'servers'), process.pid);
  const settingsFile = join(directory, 'settings.json');
  await writeFile(
    settingsFile,
    JSON.stringify({ programs, prepared, network, directory, machinePid: process.pid }),
  );
  const script = fileURLToPath(new URL('run.ts', import.meta.url));
  const [file = '', ...args] = space.argv([process.execPath, script, settingsFile, ...only]);
  stop.signal.throwIfAborted();
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    // Whatever a program leaves in its temporary folder goes with this run's own.
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
  const programs = await installPrograms(say);
  await removeLeftovers(tmpdir());
  const network = networkOf(process.pid);
  const directory = await mkdtemp(join(tmpdir(), `berth-e2e-${process.pid}-`));
  try {
    return await runInside(programs, network, directory);
  } finally {
    await removeNetwork(network);
    if (process.env['BERTH_E2E_KEEP'] === undefined) {
      await rm(directory, { recursive: true, force: true });
    } else {
      await rename(directory, join(tmpdir(), `berth-e2e-kept-${process.pid}`));
    }
  }
}

try {
  process.exitCode = (await runAll()) === 0 ? 0 : 1;
} catch (error) {
  report.fail('set-up', error instanceof Error ? error.message : String(error));
  report.finish();
  process.exitCode = 1;
}
