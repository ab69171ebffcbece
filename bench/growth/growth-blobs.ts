import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Bench, SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { residentBytes } from '../process-figures.ts';
import { requestOnce } from '../request-once.ts';
import { measureRequests, type RequestFigures } from '../requests/measure-requests.ts';
import { tabulate } from '../tabulate.ts';
import { type Blob, REPOSITORY, type Workspace } from '../workspace.ts';
import { cpuColumns, START_COLUMNS, type StartFigures } from './growth-columns.ts';
import { formatCount, stepsTo } from './steps.ts';

const run = promisify(execFile);

const REQUESTS = 10_000;
/** Each another blob, which is fetched and kept. */
const MISSES = 1_000;
const BLOB_BYTES = 512;
const FILL_TIMEOUT_MS = 600_000;
const MILLISECONDS = 1000;
const GOAL_SECONDS = 3;

type Rows = {
  name: string;
  directory: string;
  digest: string;
  hit: RequestFigures[];
  miss: RequestFigures[];
  start: StartFigures[];
};

/** What a request costs where there are many cached blobs. */
export const GROWTH_BLOBS: SectionRun = {
  name: 'growth-blobs',
  title: 'Growth: cached blobs',
  async run(bench) {
    const { options, say } = bench;
    const origin = await startOrigin(bench.workspace);
    const rows: Rows[] = [];
    try {
      for (const count of stepsTo(1, options.growthBlobs)) rows.push(await prepare(bench, count));
      // The first one of all makes a key and compiles.
      await (await startBerth(bench.workspace, origin)).stop();
      for (let round = 1; round <= options.rounds; round += 1) {
        for (const row of rows) await measureRow(bench, origin, row);
        say(`growth-blobs, round ${round} of ${options.rounds}`);
      }
    } finally {
      await origin.stop();
      for (const { directory } of rows) rmSync(directory, { recursive: true });
    }
    const first = rows[0]?.name ?? '';
    const requests = tabulate(
      [
        ...rows.map(({ name, hit: rounds }) => ({ name, case: 'hit', rounds })),
        ...rows.map(({ name, miss: rounds }) => ({ name, case: 'miss', rounds })),
      ],
      cpuColumns(first),
    );
    const starts = tabulate(
      rows.map(({ name, start: rounds }) => ({ name, rounds })),
      START_COLUMNS,
    );
    return {
      figures: [...requests.figures, ...starts.figures],
      markdown: `A Berth whose cache has so many blobs of 512 bytes, over 32 kept connections, the decision kept. *Hit*: ${REQUESTS} requests for one of them, from the cache; *miss*: ${MISSES} for as many others, each
once, which are fetched and kept: registry and storage are asked, and files written. ${options.rounds} rounds, each with fresh processes, every row in each.

${requests.markdown}

From the start of the process to the last byte of a cached blob; the goal is ${GOAL_SECONDS} s with a million.

${starts.markdown}`,
    };
  },
};

async function prepare({ workspace, say }: Bench, count: number): Promise<Rows> {
  const directory = join(workspace.directory, workspace.uniqueName('growth'));
  mkdirSync(directory);
  const script = join(import.meta.dirname, 'write-store.ts');
  const { stdout } = await run(process.execPath, [script, directory, String(count)], {
    timeout: FILL_TIMEOUT_MS,
  });
  const name = formatCount(count, 'blob', 'blobs');
  say(`growth-blobs, ${name} laid out`);
  return { name, directory, digest: stdout.trim(), hit: [], miss: [], start: [] };
}

async function measureRow({ workspace }: Bench, origin: Origin, row: Rows): Promise<void> {
  const before = performance.now();
  const berth = await startBerth(workspace, origin, { cacheDirectory: row.directory });
  try {
    const base = `${berth.inline}/v2/${REPOSITORY}/blobs`;
    // The storage has no such blob: what comes is the cache's.
    const { status } = await requestOnce(`${base}/${row.digest}`);
    if (status !== 200) throw new Error(`${row.name}: a cached blob is answered with ${status}`);
    row.start.push({
      seconds: (performance.now() - before) / MILLISECONDS,
      residentBytes: residentBytes(berth.pid).now,
    });
    const { pid } = berth;
    const hit = { pid, url: `${base}/${row.digest}`, status: 200 };
    await measureRequests(hit, REQUESTS);
    row.hit.push(await measureRequests(hit, REQUESTS));
    const misses = addMisses(workspace);
    const miss = { pid, url: base, status: 200 };
    await measureRequests({ ...miss, pathsFile: misses.warmUp }, MISSES);
    row.miss.push(await measureRequests({ ...miss, pathsFile: misses.measured }, MISSES));
    misses.remove();
  } finally {
    await berth.stop();
  }
}

/** Blobs at the storage that no cache has, twice as many as are measured, their paths in files. */
function addMisses(workspace: Workspace): { warmUp: string; measured: string; remove: () => void } {
  const blobs = Array.from({ length: 2 * MISSES }, () => workspace.addContent(randomBytes(BLOB_BYTES)));
  const list = (part: readonly Blob[]): string => {
    const file = join(workspace.directory, workspace.uniqueName('paths'));
    writeFileSync(file, part.map(({ path }) => path).join('\n'));
    return file;
  };
  const [warmUp, measured] = [list(blobs.slice(MISSES)), list(blobs.slice(0, MISSES))];
  const remove = (): void => {
    for (const file of [warmUp, measured, ...blobs.map((blob) => blob.file)]) rmSync(file);
  };
  return { warmUp, measured, remove };
}
