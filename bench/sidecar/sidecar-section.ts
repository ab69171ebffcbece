import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, SectionRun } from '../bench.ts';
import { imageEnvironment } from '../berth.ts';
import { startDistribution } from '../cold/distribution.ts';
import { startNginxProxy } from '../nginx.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { freePort, type ServerProcess, startServer } from '../server-process.ts';
import { type Column, tabulate } from '../tabulate.ts';
import type { Workspace } from '../workspace.ts';
import { IDLE_SECONDS, type IdleFigures, measureIdle } from './idle-figures.ts';

const GOAL_MS = 400;
const GOAL_MEGABYTES = 90;
const MEGABYTE = 1e6;
const POLL_MS = 2;
const ROOT = join(import.meta.dirname, '..', '..');

type Started = ServerProcess & { port: number };
type Subject = { name: string; start: () => Promise<Started> };

/** `berth serve --upstream` beside a build: how long it takes until it answers, and what it holds while idle. */
export const SIDECAR: SectionRun = {
  name: 'sidecar',
  title: 'Sidecar: start and idle memory',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startOrigin(workspace);
    const found = new Map<string, IdleFigures[]>();
    try {
      const subjects = listSubjects(bench, origin);
      for (let round = 0; round < options.rounds; round += 1) {
        // One after another in every round, so that all of them meet the same machine.
        for (const { name, start } of subjects) {
          const startedAt = performance.now();
          const server = await start();
          try {
            const figures = await measureIdle(server.pid, startedAt, `http://127.0.0.1:${server.port}/v2/`);
            found.set(name, [...(found.get(name) ?? []), figures]);
          } finally {
            await server.stop();
          }
        }
        bench.say(`sidecar, round ${round + 1} of ${options.rounds}`);
      }
    } finally {
      await origin.stop();
    }
    const rows = [...found].map(([name, rounds]) => ({ name, rounds }));
    const { markdown, figures } = tabulate(rows, COLUMNS);
    return {
      figures,
      markdown: `From the start of the process to its first answer (\`GET /v2/\`, for which Berth asks its upstream), and what \`/proc/<pid>/smaps_rollup\` says of all its
processes after ${IDLE_SECONDS} idle seconds; ${options.rounds} rounds. *Resident* counts the program's own code, which processes of one program share; *own* is what
would come free with its end. Goals for Berth: ${GOAL_MS} ms, ${GOAL_MEGABYTES} MB resident.

${markdown}`,
    };
  },
};

const COLUMNS: readonly Column<IdleFigures>[] = [
  column('first answer', 'ms', ({ answeredMs }) => answeredMs),
  column('CPU until then', 'ms', ({ cpuMs }) => cpuMs),
  column('resident', 'MB', ({ resident }) => resident / MEGABYTE),
  column('proportional', 'MB', ({ proportional }) => proportional / MEGABYTE),
  column('own', 'MB', ({ own }) => own / MEGABYTE),
];

function column(
  metric: string,
  unit: 'ms' | 'MB',
  value: (round: IdleFigures) => number,
): Column<IdleFigures> {
  return { head: `${metric}, ${unit}`, metric, unit, better: 'less', digits: unit === 'MB' ? 1 : 0, value };
}

function listSubjects({ workspace, distributionProgram }: Bench, origin: Origin): Subject[] {
  const image = imageEnvironment(workspace);
  const main = join(ROOT, 'src', 'main.ts');
  const plain = { ...process.env, NODE_ENV: 'production' };
  const packaged = buildPackage(workspace);
  const berth = (script: string, environment: NodeJS.ProcessEnv) => () =>
    startSidecar(workspace, { script, environment, registryPort: origin.registryPort });
  return [
    { name: 'Berth, as in the image', start: berth(main, image) },
    { name: 'Berth, its package (JavaScript)', start: berth(packaged, plain) },
    { name: 'Berth, a checkout (TypeScript)', start: berth(main, plain) },
    {
      name: 'distribution, pull-through',
      start: () => startDistribution(workspace, distributionProgram, origin),
    },
    { name: 'nginx, plain proxy', start: () => startNginxProxy(workspace, 'memory', origin) },
  ];
}

async function startSidecar(
  workspace: Workspace,
  options: { script: string; environment: NodeJS.ProcessEnv; registryPort: number },
): Promise<Started> {
  const port = await freePort();
  const upstream = `http://127.0.0.1:${options.registryPort}`;
  const flags = ['--upstream', upstream, '--allow-private', '127.0.0.0/8', '--port', String(port)];
  const server = await startServer({
    command: process.execPath,
    args: [options.script, 'serve', ...flags],
    port,
    logFile: join(workspace.directory, `${workspace.uniqueName('sidecar')}.log`),
    environment: options.environment,
    pollMs: POLL_MS,
  });
  return { ...server, port };
}

/** What `npm pack` would put into the package, with the checkout's `node_modules` beside it; gives its main module. */
function buildPackage(workspace: Workspace): string {
  const directory = join(workspace.directory, 'package');
  const main = join(directory, 'dist', 'main.js');
  if (existsSync(main)) return main;
  mkdirSync(directory);
  const project = join(ROOT, 'tsconfig.package.json');
  execFileSync('tsc', ['--project', project, '--outDir', join(directory, 'dist')], { stdio: 'inherit' });
  copyFileSync(join(ROOT, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  return main;
}
