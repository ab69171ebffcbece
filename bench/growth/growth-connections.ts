import type { SectionRun } from '../bench.ts';
import { type Berth, startBerth } from '../berth.ts';
import { startOrigin } from '../origin.ts';
import { residentBytes } from '../process-figures.ts';
import { measureRequests, type RequestFigures } from '../requests/measure-requests.ts';
import { addSampleManifest } from '../requests/sample-manifest.ts';
import { tabulate } from '../tabulate.ts';
import { cpuColumns } from './growth-columns.ts';
import { holdConnections } from './hold-connections.ts';
import { formatCount, stepsTo } from './steps.ts';

const REQUESTS = 10_000;
/** Of each connection, where all are at work. */
const REQUESTS_PER_CONNECTION = 4;
const KIBIBYTE = 1024;
/** The load's own, and one that asks. */
const SPARE_CONNECTIONS = 100;

type Rows = {
  name: string;
  count: number;
  idle: RequestFigures[];
  active: RequestFigures[];
  /** Undefined: too few to tell. */
  bytesPerConnection: (number | undefined)[];
};

/** Fewer are lost in what a process gains and loses anyway. */
const LEAST_TOLD = 100;

/** What a request costs where there are many open connections. */
export const GROWTH_CONNECTIONS: SectionRun = {
  name: 'growth-connections',
  title: 'Growth: open connections',
  async run(bench) {
    const { options, workspace, say } = bench;
    const manifest = addSampleManifest(workspace);
    const origin = await startOrigin(workspace, { manifests: [manifest] });
    const rows: readonly Rows[] = stepsTo(1, options.growthConnections).map((count) => ({
      name: formatCount(count, 'connection', 'connections'),
      count,
      idle: [],
      active: [],
      bytesPerConnection: [],
    }));
    try {
      for (let round = 1; round <= options.rounds; round += 1) {
        for (const row of rows) {
          const connections = options.growthConnections + SPARE_CONNECTIONS;
          const berth = await startBerth(workspace, origin, { connections });
          try {
            await measureRow(berth, row, `${berth.inline}${manifest.byDigest}`);
          } finally {
            await berth.stop();
          }
        }
        say(`growth-connections, round ${round} of ${options.rounds}`);
      }
    } finally {
      await origin.stop();
    }
    const first = rows[0]?.name ?? '';
    const requests = tabulate(
      [
        ...rows.map(({ name, idle: rounds }) => ({ name, case: 'idle, one asks', rounds })),
        ...rows.map(({ name, active: rounds }) => ({ name, case: 'all of them ask', rounds })),
      ],
      cpuColumns(first),
    );
    const memory = tabulate(
      rows.map(({ name, bytesPerConnection: rounds }) => ({ name, rounds })),
      [
        {
          head: 'resident KiB per idle connection',
          metric: 'resident memory per connection',
          unit: 'KiB',
          better: 'less',
          digits: 1,
          value: (bytes) => (bytes === undefined ? undefined : bytes / KIBIBYTE),
        },
      ],
    );
    return {
      figures: [...requests.figures, ...memory.figures],
      markdown: `A manifest by digest, the decision kept. *Idle*: so many connections are open beside the one that asks ${REQUESTS} times; each has been answered once. *All ask*: the same question over all of them at
once, at least ${REQUESTS} in all, ${REQUESTS_PER_CONNECTION} and more of each. One connection alone has one request at a time, so that each wakes the process: it costs more than one of many.
${options.rounds} rounds, each with fresh processes, every row in each; the kernel's memory is not in the second table.

${requests.markdown}

${memory.markdown}`,
    };
  },
};

async function measureRow(berth: Berth, row: Rows, url: string): Promise<void> {
  const subject = { pid: berth.pid, url, status: 200 };
  await measureRequests(subject, REQUESTS, 1);
  const before = residentBytes(berth.pid).now;
  const release = await holdConnections(url, row.count === 1 ? 0 : row.count);
  try {
    const grown = residentBytes(berth.pid).now - before;
    row.bytesPerConnection.push(row.count < LEAST_TOLD ? undefined : grown / row.count);
    row.idle.push(await measureRequests(subject, REQUESTS, 1));
  } finally {
    await release();
  }
  const requests = Math.max(REQUESTS, REQUESTS_PER_CONNECTION * row.count);
  row.active.push(await measureRequests(subject, requests, row.count));
}
