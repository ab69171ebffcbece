import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { type Berth, startBerth } from '../berth.ts';
import { checkContent, downloadMany } from '../download.ts';
import { createFigure, type Figure } from '../figure.ts';
import { formatTable } from '../markdown.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { addSampleManifest } from '../requests/sample-manifest.ts';
import { formatSpread, spread } from '../statistics.ts';
import { type TlsFiles, withTlsFiles } from '../tls-files.ts';
import type { Blob, Manifest } from '../workspace.ts';
import { capacity, measureWorkers, type WorkersFigures } from './measure-workers.ts';

const run = promisify(execFile);

const CORES = 2;
const REQUESTS = 20_000;
/** As many as spread over two workers by chance alone: of 128, one seldom has more than 72. */
const CONNECTIONS = 128;
const BLOB_MEBIBYTES = 16;
const DOWNLOADS = 128;
const CONCURRENCY = 8;
const GIBIBYTE = 1024 ** 3;
const MIBIBYTE = 1024 ** 2;
const TIMEOUT_MS = 120_000;

type Case = {
  name: string;
  unit: string;
  /** Undefined: plain. */
  tls: TlsFiles | undefined;
  units: number;
  load: (berth: Berth) => Promise<number>;
};

/** One worker and two, where the CPU is the limit. */
export const WORKERS: SectionRun = {
  name: 'workers',
  title: 'One worker and two',
  run: (bench) => withTlsFiles((files) => runCases(bench, files)),
};

async function runCases(bench: Bench, files: TlsFiles): Promise<SectionResult> {
  const { workspace } = bench;
  const manifest = addSampleManifest(workspace);
  const origin = await startOrigin(workspace, { manifests: [manifest] });
  const blob = workspace.addBlob(BLOB_MEBIBYTES);
  try {
    const found: FoundCase[] = [];
    for (const one of casesOf(manifest, blob, files)) found.push(await measureCase(bench, origin, blob, one));
    return describe(bench, found);
  } finally {
    await origin.stop();
    rmSync(blob.file);
  }
}

function casesOf(manifest: Manifest & { byDigest: string }, blob: Blob, files: TlsFiles): readonly Case[] {
  const download = (berth: Berth): Promise<number> =>
    downloadMany(
      { url: `${berth.inline}${blob.path}`, firstPos: 0 },
      { count: DOWNLOADS, concurrency: CONCURRENCY, bytes: blob.bytes },
    );
  const units = (DOWNLOADS * BLOB_MEBIBYTES * MIBIBYTE) / GIBIBYTE;
  return [
    {
      name: `manifest of ${manifest.bytes} bytes, decision kept`,
      unit: 'requests/s',
      tls: undefined,
      units: REQUESTS,
      load: (berth) => ask(berth, manifest.byDigest),
    },
    { name: 'warm blob, plain', unit: 'GiB/s', tls: undefined, units, load: download },
    { name: 'warm blob, TLS', unit: 'GiB/s', tls: files, units, load: download },
  ];
}

/** Seconds. */
async function ask(berth: Berth, path: string): Promise<number> {
  const { host, port } = new URL(berth.inline);
  const load = join(import.meta.dirname, '..', 'requests', 'request-load.ts');
  const { stdout } = await run(
    process.execPath,
    [load, ...[host, port, path, 200, CONNECTIONS, REQUESTS].map(String)],
    { timeout: TIMEOUT_MS },
  );
  return Number(stdout);
}

async function measureCase(
  { workspace, options, say }: Bench,
  origin: Origin,
  blob: Blob,
  { name, unit, tls, units, load }: Case,
): Promise<FoundCase> {
  const berths: Berth[] = [];
  const figures: [WorkersFigures[], WorkersFigures[]] = [[], []];
  try {
    for (const workers of [1, 2]) {
      const cacheDirectory = join(workspace.directory, workspace.uniqueName('workers-cache'));
      // As an operator may set it who leaves the file as it is.
      process.env['BERTH_WORKERS'] = String(workers);
      berths.push(
        await startBerth(workspace, origin, { cacheDirectory, ...(tls && { tls }) }).finally(
          () => delete process.env['BERTH_WORKERS'],
        ),
      );
    }
    for (const berth of berths) {
      await checkContent({ url: `${berth.inline}${blob.path}`, firstPos: 0 }, blob);
      await load(berth);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [at, berth] of berths.entries()) {
        figures[at as 0 | 1].push(await measureWorkers(berth.pid, units, () => load(berth)));
      }
    }
  } finally {
    await Promise.all(berths.map((berth) => berth.stop()));
  }
  const [one, two] = figures;
  say(`workers, ${name} is done`);
  return { name, unit, one, two };
}

type FoundCase = {
  name: string;
  unit: string;
  one: readonly WorkersFigures[];
  two: readonly WorkersFigures[];
};

const ONE = 'one worker';

function figuresOf({ name, unit, one, two }: FoundCase): {
  alone: Figure[];
  beside: Figure[];
  cpu: Figure[];
} {
  const pair = (
    metric: string,
    of: { unit: string; better: 'less' | 'more' },
    value: (round: WorkersFigures) => number,
  ): Figure[] => {
    const ratios = two.map((round, at) => value(round) / value(one[at] as WorkersFigures));
    const { median, min, max } = spread(ratios);
    const what = { case: name, metric, ...of };
    return [
      createFigure({ ...what, row: ONE }, spread(one.map(value))),
      createFigure({ ...what, row: 'two workers' }, spread(two.map(value)), {
        to: ONE,
        median,
        low: min,
        high: max,
      }),
    ];
  };
  const rate = { unit, better: 'more' } as const;
  return {
    alone: pair('rate alone', rate, (round) => capacity(round, CORES)),
    beside: pair('rate beside the load', rate, ({ perSecond }) => perSecond),
    cpu: pair('CPU per unit', { unit: 's', better: 'less' }, ({ cpuPerUnit }) => cpuPerUnit),
  };
}

function describe({ options }: Bench, found: readonly FoundCase[]): SectionResult {
  const all = found.map((one) => ({ ...one, ...figuresOf(one) }));
  const rows = all.map(({ name, unit, alone, beside, cpu }) => {
    const digits = unit === 'GiB/s' ? 2 : 0;
    return [
      `${name}, ${unit}`,
      ...alone.map((figure) => format(figure, digits)),
      ...alone.flatMap(({ ratio }) => (ratio === undefined ? [] : [format(ratio)])),
      ...beside.map((figure) => format(figure, digits)),
      ...cpu.flatMap(({ ratio }) => (ratio === undefined ? [] : [format(ratio)])),
    ];
  });
  return {
    figures: all.flatMap(({ alone, beside, cpu }) => [...alone, ...beside, ...cpu]),
    markdown: `\`workers: 1\` and \`workers: 2\`, ${options.rounds} rounds, both in each: ${REQUESTS} requests over ${CONNECTIONS} kept connections, or ${DOWNLOADS} downloads of ${BLOB_MEBIBYTES} MiB, ${CONCURRENCY} at a time. The load
generator shares the ${CORES} cores, so what is measured beside it says how much is left for Berth, not what Berth can do. *Alone* is therefore counted by CPU: what ${CORES} cores would come to that had
nothing else to do, which is as much as the busiest event loop can do in a second (an uneven spread of connections counts against it), and no more than all of its processes can do on ${CORES} cores
(what workers and primary say to each other counts, too). One process reads blobs on threads beside its event loop, so with blobs it is at
work on both cores already, and a second worker can add only what is left of them.

${formatTable(
  ['', 'alone, 1', 'alone, 2', '2 × 1', 'beside the load, 1', 'beside the load, 2', 'CPU per unit, 2 × 1'],
  rows,
)}`,
  };
}

function format({ median, low, high }: Pick<Figure, 'median' | 'low' | 'high'>, digits = 2): string {
  return formatSpread({ median, min: low, max: high }, digits);
}
