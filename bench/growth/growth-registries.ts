import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import type { Bench, SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { residentBytes } from '../process-figures.ts';
import { requestOnce } from '../request-once.ts';
import { measureRequests, type RequestFigures } from '../requests/measure-requests.ts';
import { addSampleManifest } from '../requests/sample-manifest.ts';
import { settleCpu } from '../settle-cpu.ts';
import { tabulate } from '../tabulate.ts';
import { cpuColumns, START_COLUMNS, type StartFigures } from './growth-columns.ts';
import { formatCount, stepsTo } from './steps.ts';

/** One that answers blobs itself, one that sends them to its data endpoint. */
const LEAST = 2;
const REQUESTS = 10_000;
const MILLISECONDS = 1000;
/** Two looks at the files (`LOOK_INTERVAL_MS` in src/cli/watch-files.ts) and a half. */
const FOLLOWED_AFTER_MS = 5000;

type Rows = {
  name: string;
  count: number;
  manifest: RequestFigures[];
  redirect: RequestFigures[];
  start: StartFigures[];
};

/** What a request costs where there are many registries. */
export const GROWTH_REGISTRIES: SectionRun = {
  name: 'growth-registries',
  title: 'Growth: registries',
  async run(bench) {
    const { options, workspace, say } = bench;
    const blob = workspace.addBlob(1);
    const manifest = addSampleManifest(workspace);
    const origin = await startOrigin(workspace, { manifests: [manifest] });
    const rows: readonly Rows[] = stepsTo(LEAST, options.growthRegistries).map((count) => ({
      name: formatCount(count, 'registry', 'registries'),
      count,
      manifest: [],
      redirect: [],
      start: [],
    }));
    try {
      // The first one of all makes a key and compiles.
      await (await startBerth(bench.workspace, origin)).stop();
      for (let round = 1; round <= options.rounds; round += 1) {
        for (const row of rows) await measureRow(bench, origin, row, [manifest.byDigest, blob.path]);
        say(`growth-registries, round ${round} of ${options.rounds}`);
      }
    } finally {
      await origin.stop();
      rmSync(blob.file);
    }
    const first = rows[0]?.name ?? '';
    const requests = tabulate(
      [
        ...rows.map(({ name, manifest: rounds }) => ({ name, case: 'manifest by digest', rounds })),
        ...rows.map(({ name, redirect: rounds }) => ({ name, case: 'blob, redirected', rounds })),
      ],
      cpuColumns(first),
    );
    const starts = tabulate(
      rows.map(({ name, start: rounds }) => ({ name, rounds })),
      START_COLUMNS,
    );
    return {
      figures: [...requests.figures, ...starts.figures],
      markdown: `A Berth with so many registries in its file, asked for what is of the last of them, ${REQUESTS} requests per figure over 32 kept connections, the decision kept;
${options.rounds} rounds, each with fresh processes, every row in each.

${requests.markdown}

${starts.markdown}`,
    };
  },
};

async function measureRow(
  { workspace }: Bench,
  origin: Origin,
  { count, manifest, redirect, start }: Rows,
  [manifestPath, blobPath]: readonly [string, string],
): Promise<void> {
  const before = performance.now();
  const berth = await startBerth(workspace, origin, { furtherRegistries: Math.max(0, count - LEAST) });
  try {
    await requestOnce(`${berth.inline}${manifestPath}`);
    start.push({
      seconds: (performance.now() - before) / MILLISECONDS,
      residentBytes: residentBytes(berth.pid).now,
    });
    // Some seconds after a start, the file is taken up once more: with many registries that is seconds of work.
    await delay(FOLLOWED_AFTER_MS);
    await settleCpu(berth.pid);
    const subjects = [
      { into: manifest, url: `${berth.inline}${manifestPath}`, status: 200 },
      { into: redirect, url: `${berth.dedicated}${blobPath}`, status: 307 },
    ];
    for (const { into, url, status } of subjects) {
      const subject = { pid: berth.pid, url, status };
      await measureRequests(subject, REQUESTS);
      into.push(await measureRequests(subject, REQUESTS));
    }
  } finally {
    await berth.stop();
  }
}
