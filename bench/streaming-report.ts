import type { SectionResult } from './bench.ts';
import { createFigure, type Figure } from './figure.ts';
import type { StreamFigures } from './measure.ts';
import type { Options } from './options.ts';
import { formatSpread, spread } from './statistics.ts';
import { streamColumns } from './stream-columns.ts';
import { type Row, tabulate } from './tabulate.ts';

export type Transport = 'plain' | 'TLS';

/** At most so many times nginx at its best and a bare sha256 of the same bytes. */
const GOALS: Readonly<Record<Transport, number>> = { plain: 1.3, TLS: 1.5 };

export type Results = {
  options: Pick<Options, 'rounds' | 'blobMebibytes' | 'downloads' | 'concurrency'>;
  transport: Transport;
  /** Name of nginx at its best. */
  baseline: string;
  /** Names of two rows that differ in verification alone. */
  verification: { on: string; off: string };
  /** One entry per round, in the order of the rounds. */
  streams: ReadonlyMap<string, readonly StreamFigures[]>;
  /** CPU seconds per GiB, one per round. */
  hash: readonly number[];
};

const SPLICED = `
HAProxy moves plain content from socket to socket within the kernel: whoever looks at it can not do that.`;

/** The sum that whoever verifies cannot go below. */
const REFERENCE = 'nginx at its best + sha256';

/** Text and figures of the section about streaming. */
export function describeStreaming(results: Results): SectionResult {
  const { options, streams, hash, baseline, transport } = results;
  const measured = [...streams].map(([name, rounds]): Row<Partial<StreamFigures>> => ({ name, rounds }));
  const best = streams.get(baseline) ?? [];
  const computed: readonly Row<Partial<StreamFigures>>[] = [
    { name: 'sha256 alone', rounds: hash.map((cpuSecondsPerGibibyte) => ({ cpuSecondsPerGibibyte })) },
    {
      name: REFERENCE,
      rounds: hash.map((alone, round) => ({
        cpuSecondsPerGibibyte: alone + (best[round]?.cpuSecondsPerGibibyte ?? Number.NaN),
      })),
    },
  ];
  const { markdown, figures } = tabulate(
    [...measured, ...computed],
    streamColumns({ head: '× the last row', to: { row: REFERENCE } }),
  );
  const added = addedByVerification(results);
  return {
    figures: [...figures, added],
    markdown: `A blob of ${options.blobMebibytes} MiB, ${options.downloads} downloads per round, ${options.concurrency} at a time, each by a curl of its own. ${options.rounds} rounds; in each, every row is measured once, in the order of
the table, so that drift hits all alike.

${markdown}

The last two rows: the same bytes hashed from memory, with nothing else, and that together with the first row, nginx at its best, in the same round:
what somebody spends who streams as nginx does and verifies. Berth, verified, is to stay within ${GOALS[transport]} times that${transport === 'TLS' ? '; the certificates of both sides are verified, too' : ''}.${transport === 'plain' ? SPLICED : ''}

Verification adds ${formatSpread({ median: added.median, min: added.low, max: added.high })} CPU s/GiB to Berth, of which the hash itself is ${formatSpread(spread(hash))}.

*Not verified* is no setting of Berth, which verifies whatever it can. The row asks for all bytes but the first
(\`Range: bytes=1-\`): a range cannot be proved alone and is streamed unhashed. (\`bytes=0-\` is the whole blob, and verified.)

*Dedicated* is the login server's 307 and the data endpoint's answer to the ticket, both counted.`,
  };
}

function addedByVerification({ streams, verification }: Results): Figure {
  const on = streams.get(verification.on) ?? [];
  const off = streams.get(verification.off) ?? [];
  const added = on.map(
    (round, index) => round.cpuSecondsPerGibibyte - (off[index]?.cpuSecondsPerGibibyte ?? Number.NaN),
  );
  const what = {
    case: '',
    row: 'what verification adds',
    metric: 'CPU',
    unit: 's/GiB',
    better: 'less',
  } as const;
  return createFigure(what, spread(added));
}
