import type { Machine } from './machine.ts';
import type { SlowFigures, StreamFigures } from './measure.ts';
import type { RuleFigures } from './network-rules.ts';
import type { Options } from './options.ts';
import { formatSpread, spread } from './statistics.ts';

const MEBIBYTE = 1024 ** 2;

export type Results = {
  machine: Machine;
  inMemory: boolean;
  options: Options;
  /** Name of the row that the ratios are taken to. */
  baseline: string;
  /** Names of two rows that differ in verification alone. */
  verification: { on: string; off: string };
  /** One entry per round, in the order of the rounds. */
  streams: ReadonlyMap<string, readonly StreamFigures[]>;
  /** CPU seconds per GiB, one per round. */
  hash: readonly number[];
  slow: ReadonlyMap<string, SlowFigures>;
  /** One per round. */
  rules: readonly RuleFigures[];
};

/** The whole of `docs/performance.md`. */
export function formatReport(results: Results): string {
  const { options, machine } = results;
  return `# Performance

Written by \`npm run bench\`; do not edit. Absolute figures drift from machine to machine and from run to run: ratios within
one run are what counts.

## Conditions

- ${machine.date}, revision ${machine.revision}; ${machine.processor}, ${machine.cores} cores, ${machine.memoryGibibytes} GiB, Linux ${machine.kernel}; load average at the start ${machine.loadAverage.toFixed(1)} (where it is above 1, other work shared the cores, and GiB/s says little)
- Node ${machine.node} (OpenSSL ${machine.openssl}), ${machine.nginx}, ${machine.curl}
- a blob of ${options.blobMebibytes} MiB ${results.inMemory ? 'in tmpfs' : 'on a disk (no tmpfs was found)'}, ${options.downloads} downloads per round, ${options.concurrency} at a time, each by a curl of its own; plain HTTP/1.1 over loopback
- ${options.rounds} rounds; in each round every row is measured once, in the order of the table, so that drift hits all alike
- origin (an nginx that sends the file), proxy and clients are separate processes and share the cores; the origin's registry answers each blob with 307 to its storage; nginx is pointed straight at the storage, Berth at the registry
- CPU is user and system time of all of a proxy's processes, from \`/proc/<pid>/stat\`

## Streaming, nothing cached

${formatStreams(results)}

Median over the rounds (least–most). The ratio is to the first row, nginx at its best, in the same round. The last row hashes the same bytes from
memory, with nothing else: what verification costs at the least.

${formatVerification(results)}

*Not verified* is no setting of Berth, which verifies whatever it can. The row asks for all bytes but the first
(\`Range: bytes=1-\`): a range cannot be proved alone and is streamed unhashed. (\`bytes=0-\` is the whole blob, and verified.)

*Dedicated* is the login server's 307 and the data endpoint's answer to the ticket, both counted.

## Memory under slow clients

${options.slowClients} clients at ${options.slowKibibytesPerSecond} KiB/s each for ${options.slowSeconds} s, none of them finishing the blob. Resident memory (VmRSS, VmHWM) of the proxy
after the rounds above; the kernel's own socket buffers are not in it.

${formatSlow(results)}

## Network rules

One decision about an address that no rule names, half of them IPv4, in the benchmark's own process; both rows in each round.

${formatRules(results)}
`;
}

function formatStreams({ streams, hash, baseline }: Results): string {
  const base = streams.get(baseline)?.map((round) => round.cpuSecondsPerGibibyte) ?? [];
  const ratio = (values: readonly number[]): string =>
    formatSpread(spread(values.map((value, round) => value / (base[round] ?? Number.NaN))));
  const rows = [...streams].map(([name, rounds]) => {
    const cpu = rounds.map((round) => round.cpuSecondsPerGibibyte);
    const speed = formatSpread(spread(rounds.map((round) => round.gibibytesPerSecond)));
    const peak = mebibytes(Math.max(...rounds.map((round) => round.peakBytes)));
    return [name, formatSpread(spread(cpu)), ratio(cpu), speed, peak];
  });
  return formatTable(
    ['', 'CPU s/GiB', '× first row', 'GiB/s', 'peak resident MiB'],
    [...rows, ['sha256 alone', formatSpread(spread(hash)), ratio(hash), '', '']],
  );
}

function formatVerification({ streams, verification, hash }: Results): string {
  const on = streams.get(verification.on) ?? [];
  const off = streams.get(verification.off) ?? [];
  const added = on.map(
    (round, index) => round.cpuSecondsPerGibibyte - (off[index]?.cpuSecondsPerGibibyte ?? Number.NaN),
  );
  return `Verification adds ${formatSpread(spread(added))} CPU s/GiB to Berth, of which the hash itself is ${formatSpread(spread(hash))}.`;
}

function formatSlow({ slow, options }: Results): string {
  const rows = [...slow].map(([name, figures]) => [
    name,
    mebibytes(figures.idleBytes),
    mebibytes(figures.medianBytes),
    mebibytes(figures.peakBytes),
    ((figures.peakBytes - figures.idleBytes) / MEBIBYTE / options.slowClients).toFixed(2),
  ]);
  return formatTable(['', 'before, MiB', 'median, MiB', 'peak, MiB', 'growth per client, MiB'], rows);
}

function formatRules({ rules }: Results): string {
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    formatSpread(spread(values)),
    formatSpread(spread(values.map((value, round) => value / (rules[round]?.one ?? Number.NaN)))),
  ];
  const one = rules.map((round) => round.one);
  const many = rules.map((round) => round.many);
  return formatTable(['', 'µs per decision', '× one rule'], [row('1 rule', one), row('10,000 rules', many)]);
}

/** A Markdown table whose first column is text and whose others are figures. */
function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(0);
}
