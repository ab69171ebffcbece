import { formatTable, mebibytes } from './markdown.ts';
import type { StreamFigures } from './measure.ts';
import type { Options } from './options.ts';
import { formatSpread, spread } from './statistics.ts';

export type Results = {
  options: Pick<Options, 'rounds' | 'blobMebibytes' | 'downloads' | 'concurrency'>;
  /** Name of the row that the ratios are taken to. */
  baseline: string;
  /** Names of two rows that differ in verification alone. */
  verification: { on: string; off: string };
  /** One entry per round, in the order of the rounds. */
  streams: ReadonlyMap<string, readonly StreamFigures[]>;
  /** CPU seconds per GiB, one per round. */
  hash: readonly number[];
};

/** Text of the section about streaming. */
export function formatStreaming(results: Results): string {
  const { options } = results;
  return `A blob of ${options.blobMebibytes} MiB, ${options.downloads} downloads per round, ${options.concurrency} at a time, each by a curl of its own. ${options.rounds} rounds; in each, every row is measured once, in the order of
the table, so that drift hits all alike.

${formatStreams(results)}

The ratio is to the first row, nginx at its best, in the same round. The last row hashes the same bytes from memory, with nothing else: what
verification costs at the least.

${formatVerification(results)}

*Not verified* is no setting of Berth, which verifies whatever it can. The row asks for all bytes but the first
(\`Range: bytes=1-\`): a range cannot be proved alone and is streamed unhashed. (\`bytes=0-\` is the whole blob, and verified.)

*Dedicated* is the login server's 307 and the data endpoint's answer to the ticket, both counted.`;
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
