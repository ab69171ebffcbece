import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { type Berth, startBerth } from '../berth.ts';
import { checkContent } from '../download.ts';
import { createFigure, type Figure } from '../figure.ts';
import { formatTable } from '../markdown.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { addSampleManifest } from '../requests/sample-manifest.ts';
import { formatSpread, spread } from '../statistics.ts';
import { type TlsFiles, withTlsFiles } from '../tls-files.ts';
import type { Blob } from '../workspace.ts';
import { capacity, measureWorkers, type WorkersFigures } from './measure-workers.ts';
import { runLoad } from './run-load.ts';

const CORES = 2;
/** As many as spread evenly over two workers by chance alone: of 128, one seldom has more than 76. */
const CONNECTIONS = 128;
const BLOB_MEBIBYTES = 1;
const ROUND_SECONDS = 6;
const WARM_UP_ROUNDS = 2;
const GIBIBYTE = 1024 ** 3;

type Case = {
  name: string;
  unit: 'requests/s' | 'GiB/s';
  /** Undefined: plain. */
  tls: TlsFiles | undefined;
  /** Whether blobs are kept. */
  isKept: boolean;
  url: (berth: Berth) => string;
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
  const inline = ({ inline }: Berth): string => `${inline}${blob.path}`;
  const cases: readonly Case[] = [
    {
      name: `manifest of ${manifest.bytes} bytes, decision kept`,
      unit: 'requests/s',
      tls: undefined,
      isKept: true,
      url: (berth) => `${berth.inline}${manifest.byDigest}`,
    },
    {
      name: 'redirect to a data endpoint, a ticket each time',
      unit: 'requests/s',
      tls: undefined,
      isKept: true,
      url: ({ dedicated }) => `${dedicated}${blob.path}`,
    },
    { name: 'warm blob, TLS', unit: 'GiB/s', tls: files, isKept: true, url: inline },
    { name: 'streamed miss, verified', unit: 'GiB/s', tls: undefined, isKept: false, url: inline },
  ];
  try {
    const found: FoundCase[] = [];
    for (const one of cases) found.push(await measureCase(bench, origin, blob, one));
    return describe(bench, found);
  } finally {
    await origin.stop();
    rmSync(blob.file);
  }
}

async function measureCase(
  { workspace, options, say }: Bench,
  origin: Origin,
  blob: Blob,
  { name, unit, tls, isKept, url }: Case,
): Promise<FoundCase> {
  const berths: Berth[] = [];
  const figures: [WorkersFigures[], WorkersFigures[]] = [[], []];
  const load = async (berth: Berth) => {
    const wanted = { connections: CONNECTIONS, seconds: ROUND_SECONDS };
    const { seconds, requests, bytes } = await runLoad(url(berth), wanted);
    return { seconds, units: unit === 'GiB/s' ? bytes / GIBIBYTE : requests };
  };
  try {
    for (const workers of [1, 2]) {
      const cacheDirectory = join(workspace.directory, workspace.uniqueName('workers-cache'));
      // As an operator may set it who leaves the file as it is.
      process.env['BERTH_WORKERS'] = String(workers);
      berths.push(
        await startBerth(workspace, origin, {
          ...(isKept && { cacheDirectory }),
          ...(tls && { tls }),
        }).finally(() => delete process.env['BERTH_WORKERS']),
      );
    }
    for (const [at, berth] of berths.entries()) {
      await checkContent({ url: `${berth.inline}${blob.path}`, firstPos: 0 }, blob);
      // Until the code is compiled, by each worker for itself: two need twice as much.
      for (let warmed = 0; warmed < WARM_UP_ROUNDS * (at + 1); warmed += 1) await load(berth);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [at, berth] of berths.entries()) {
        figures[at as 0 | 1].push(await measureWorkers(berth.pid, CORES, () => load(berth)));
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
  unit: Case['unit'];
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
  const rows = all.map(({ name, unit, one, two, alone, beside, cpu }) => {
    const digits = unit === 'GiB/s' ? 2 : 0;
    const share = (rounds: readonly WorkersFigures[], value: (round: WorkersFigures) => number): string =>
      formatSpread(spread(rounds.map(value)));
    return [
      `${name}, ${unit}`,
      ...alone.map((figure) => format(figure, digits)),
      ...alone.flatMap(({ ratio }) => (ratio === undefined ? [] : [format(ratio)])),
      ...cpu.flatMap(({ ratio }) => (ratio === undefined ? [] : [format(ratio)])),
      share(one, coresOf),
      share(two, (round) => {
        const before = one[two.indexOf(round)] as WorkersFigures;
        return (capacity(round, CORES) * before.cpuPerUnit) / CORES;
      }),
      share(one, ({ busiestShare }) => busiestShare),
      share(two, ({ takenShare }) => takenShare),
      ...beside.map((figure) => format(figure, digits)),
    ];
  });
  return {
    figures: all.flatMap(({ alone, beside, cpu }) => [...alone, ...beside, ...cpu]),
    markdown: `\`workers: 1\` and \`workers: 2\`, ${options.rounds} rounds of ${ROUND_SECONDS} s, both in each, ${CONNECTIONS} kept connections of wrk; blobs of ${BLOB_MEBIBYTES} MiB. The load generator and the origin share the ${CORES}
cores, so what came beside them says what they left to Berth, not what Berth can do. *Alone* is therefore counted by CPU, from \`/proc\`: what ${CORES} cores would come to that had nothing else to do. That is
no more than the busiest event loop can do in a second (1 ÷ its CPU seconds per unit of all: an uneven spread of connections counts against it), and no more than all of Berth's processes
can do on ${CORES} cores (${CORES} ÷ all their CPU seconds per unit: what they say to each other counts, and what they cost each other in caches).

That holds where Berth was the limit. *Loop busy* is the share of the time that the one event loop was at work; *taken* is what Berth with two workers took of the CPU time that everything else on the
machine left to it. *Cores of one* is how many cores one worker's process takes with all of its threads while its event loop is busy: ${CORES} divided by it is the most that a second worker can make of ${CORES} cores, and *of the
most* is how much of that it made.

${formatTable(
  [
    '',
    'alone, 1',
    'alone, 2',
    '2 × 1',
    'CPU per unit, 2 × 1',
    'cores of one',
    'of the most',
    'loop busy, 1',
    'taken, 2',
    'beside the load, 1',
    'beside the load, 2',
  ],
  rows,
)}`,
  };
}

/** Cores that one process takes with all of its threads, where its event loop takes one. */
function coresOf({ cpuPerUnit, busiestPerUnit }: WorkersFigures): number {
  return cpuPerUnit / busiestPerUnit;
}

function format({ median, low, high }: Pick<Figure, 'median' | 'low' | 'high'>, digits = 2): string {
  return formatSpread({ median, min: low, max: high }, digits);
}
