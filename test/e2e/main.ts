import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPrograms } from './install.ts';
import { createNetwork, networkOf, removeLeftovers, removeNetwork } from './network.ts';
import { createReport } from './report.ts';
import { createSpace } from './space.ts';

// The outer half: installs programs, makes the two network namespaces, runs `run.ts` inside the servers' one and
// takes everything down again, whatever happened to that process.

const report = createReport((line) => console.log(line));
const say = (text: string) => report.say(text);
const programs = await installPrograms(say);
await removeLeftovers(tmpdir());

const network = networkOf(process.pid);
const directory = await mkdtemp(join(tmpdir(), `berth-e2e-${process.pid}-`));
let exitCode = 1;
try {
  await createNetwork(network);
  const space = await createSpace(network.servers, join(directory, 'servers'), process.pid);
  const settingsFile = join(directory, 'settings.json');
  await writeFile(settingsFile, JSON.stringify({ programs, network, directory, machinePid: process.pid }));
  const inner = fileURLToPath(new URL('run.ts', import.meta.url));
  const [file = '', ...args] = space.argv([process.execPath, inner, settingsFile, ...process.argv.slice(2)]);
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    // Whatever a program leaves in its temporary folder goes with this run's own.
    env: { ...process.env, TMPDIR: directory },
  });
  // The inner half ends its own programs; this one only passes the word on and then cleans up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
} finally {
  await removeNetwork(network);
  if (process.env['BERTH_E2E_KEEP'] === undefined) {
    await rm(directory, { recursive: true, force: true });
  } else {
    const kept = join(tmpdir(), `berth-e2e-kept-${process.pid}`);
    await rename(directory, kept);
    say(`kept ${kept}`);
  }
}
process.exitCode = exitCode;
