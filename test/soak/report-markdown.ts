import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import {
  inMib,
  MOST_GROWTH_BYTES,
  MOST_MORE_DESCRIPTORS,
  MOST_RISE_BYTES,
  memoryRise,
  sum,
} from './judge.ts';
import { FAULT_KINDS } from './link.ts';
import { MEMORY_OVER_TIME } from './memory-over-time.ts';
import type { SoakSettings } from './settings.ts';
import type { SoakOutcome } from './soak.ts';

/** Counters of the replica that ran all the time, worth a line: what clients did not notice. */
const COUNTERS = [
  'berth_blob_resumes_total',
  'berth_source_renewals_total',
  'berth_fills_total',
  'berth_fill_hedges_total',
  'berth_blob_incomplete_total',
  'berth_blob_digest_mismatches_total',
  'berth_region_failovers_total',
  'berth_shared_reads_total',
  'berth_state_operations_total',
  'berth_object_store_operations_total',
  'berth_upstream_failures_total',
  'berth_cache_evictions_total',
] as const;

/** docs/reliability.md: what the soak does, and what came of its last run. */
export function formatReport(
  settings: SoakSettings,
  outcome: SoakOutcome,
  failures: readonly string[],
): string {
  return [
    ABOUT,
    '## The last run',
    '',
    ...facts(settings, outcome, failures),
    '### Faults',
    '',
    ...faultTable(outcome),
    `Operators and machines: ${words(outcome.disturbances)}.`,
    '',
    '### Clients',
    '',
    ...table(
      ['what', 'done'],
      [...outcome.tally.done].map(([what, count]) => [`\`${what}\``, String(count)]),
    ),
    `Tries that failed and were made again: ${words(outcome.tally.failedTries)}. Bodies that clients went on with by themselves: ${outcome.clientResumes}.`,
    '',
    '### What a replica holds',
    '',
    ...heldTable(outcome),
    `Floor of resident memory (the lowest of each twentieth of the run, of 30 s at least) over the second half, by the line of least squares: ${outcome.lasting.map(({ name, samples }) => `${name} ${inMib(memoryRise(samples))}`).join(', ')} (at most ${inMib(MOST_RISE_BYTES)}); from before to after at most ${inMib(MOST_GROWTH_BYTES)}, descriptors at most ${MOST_MORE_DESCRIPTORS} more.`,
    '',
    '### What clients did not notice',
    '',
    'Counters at the end of those that ran all the time, where one is above 0:',
    '',
    ...counterTable(outcome.metrics),
    MEMORY_OVER_TIME,
    NOT_COVERED,
  ].join('\n');
}

const ABOUT = `# Reliability

Written by \`npm run soak -- --report\`; \`npm run soak\` takes ten minutes, \`npm run soak -- --minutes 60\` an hour, \`--seed\` has the faults of an earlier run
again. \`.ci/run\` ends with it.

Three replicas with shared ticket keys and a Redis, two of them with a cache and a container of shared blobs, one without, stand before two regions, each a distribution registry with its own
Azurite. Every line
between them is a TCP proxy that breaks by a seeded plan, all lines at once and independently of one another: cut (FIN), reset (RST), stall, slow, delay, refuse, half open (taken,
then silent, then reset), garbage (a changed byte; not before Redis, which is spoken to in the clear), outage. Meanwhile one replica is killed with SIGKILL, or ended with SIGTERM, and started again, keys are
rotated, the configuration is reloaded, data endpoints are switched off and on, blobs are removed and collected, the shared
container is emptied. The caches hold less than is pulled, so that blobs come and go.

Clients are crane, skopeo and five of the soak's own, which pull whole images, ask for ranges and for several at once, ask by HEAD, and leave early; one pushes. The soak's own know every blob
and compare every byte, of answers that end early, too. Every 40 s the faults pause.

What must hold:

- not one wrong byte, in whatever answer; no answer is announced as whole and is not;
- with the retries of ordinary clients everybody is done once the faults pause;
- \`/readyz\` is 200 and \`berth_stuck\` 0 all the time, faults or not;
- no 500 of its own, no bytes called wrong that are right, nothing uncaught, no command fails;
- in the end, without clients: no buffer lent, no fill, request, upload or connection left, no partial blob, nothing on disk but blobs; handles and memory are what they were.
`;

const NOT_COVERED = `## What it does not cover

- Loss, reordering and delay of single packets: the faults are those of connections. Name resolution never fails.
- Registries other than distribution, object stores other than Azurite, TLS in front of Redis, more than three replicas.
- dockerd, containerd, podman and BuildKit: those are in \`npm run e2e\` (\`outage\`, \`short-links\`, \`regions\`, \`replicas\`).
- Clocks that jump, disks that fail or fill up (\`test/cache\`, \`test/blob\`), days of running: an hour is the longest that is run by hand.
- Blobs of gigabytes and thousands of clients: \`npm run bench\`.
`;

function facts(
  { seed, seconds }: SoakSettings,
  outcome: SoakOutcome,
  failures: readonly string[],
): readonly string[] {
  const [cpu] = cpus();
  return table(
    ['', ''],
    [
      ['date', new Date().toISOString().slice(0, 10)],
      ['revision', revision()],
      ['result', failures.length > 0 ? `**failed**: ${failures.join('; ')}` : 'all of it held'],
      ['seed', String(seed)],
      ['faults for', `${seconds} s, with ${outcome.pauses} pauses`],
      [
        'machine',
        `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
      ],
      ['Node', process.version],
      ['images', String(outcome.images)],
      ['done', String(sum(outcome.tally.done))],
      ['wrong bytes', String(outcome.tally.wrong.length)],
      ['looks at `/readyz` and `berth_stuck`', `${outcome.looks}, ${outcome.complaints.length} complaints`],
    ],
  );
}

/** The commit that was tried; a tree that is no checkout has none. */
function revision(): string {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    timeout: 5_000,
  });
  return status === 0 ? stdout.trim() : 'unknown';
}

function faultTable({ faults }: SoakOutcome): readonly string[] {
  return table(
    ['line', ...FAULT_KINDS],
    [...faults].map(([line, of]) => [line, ...FAULT_KINDS.map((kind) => String(of.get(kind) ?? 0))]),
  );
}

function heldTable({ quiet }: SoakOutcome): readonly string[] {
  return table(
    [
      '',
      'resident memory',
      'JavaScript heap',
      'descriptors',
      'connections',
      'buffers',
      'fills',
      'partial blobs',
      'blobs',
      'on disk',
    ],
    quiet.flatMap(({ name, before, after, diskBytes }) =>
      (
        [
          ['before', before],
          ['after', after],
        ] as const
      ).map(([when, held]) => [
        `${name} ${when}`,
        inMib(held.rssBytes),
        inMib(held.heapBytes),
        String(held.descriptors),
        String(held.connections),
        inMib(held.bufferBytes),
        String(held.fills),
        inMib(held.partialBytes),
        inMib(held.publishedBytes),
        held === after ? inMib(diskBytes) : '',
      ]),
    ),
  );
}

function counterTable(metrics: SoakOutcome['metrics']): readonly string[] {
  const values = metrics.map(({ text }) => new Map(readCounters(text)));
  const series = [...new Set(values.flatMap((of) => [...of.keys()]))].toSorted();
  const rows = series
    .map((name) => [name, ...values.map((of) => of.get(name) ?? 0)] as const)
    .filter(([, ...counts]) => counts.some((count) => count > 0));
  return table(
    ['counter', ...metrics.map(({ name }) => name)],
    rows.map(([name, ...counts]) => [`\`${name}\``, ...counts.map(String)]),
  );
}

function readCounters(text: string): (readonly [series: string, value: number])[] {
  return text.split('\n').flatMap((line) => {
    const [, series = '', value = ''] = /^(\S+) (\S+)$/.exec(line) ?? [];
    const isWanted = COUNTERS.some((name) => series === name || series.startsWith(`${name}{`));
    return isWanted ? [[series, Number(value)] as const] : [];
  });
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line), ''];
}

function words(of: ReadonlyMap<string, number>): string {
  const some = [...of].filter(([, count]) => count > 0).map(([word, count]) => `${word} ${count}`);
  return some.length === 0 ? 'none' : some.join(', ');
}
