import { rmSync } from 'node:fs';

import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { checkContent, downloadMany } from '../download.ts';
import { cpuSeconds, resetPeak, residentBytes } from '../process-figures.ts';
import { type Column, type Row, tabulate } from '../tabulate.ts';
import { BERTH_WITHOUT, CACHES, type CacheKind, withCache } from './caches.ts';
import { type CountingOrigin, startCountingOrigin } from './counting-origin.ts';

const MEBIBYTE = 1024 ** 2;
/** So slow that a fetch takes longer than fifty clients need to begin. */
const STORAGE_BYTES_PER_SECOND = 32 * MEBIBYTE;

type ColdFigures = {
  /** Bytes that the storage sent, over the size of the blob. */
  ratio: number;
  /** Until everybody has it. */
  seconds: number;
  cpuSeconds: number;
  peakBytes: number;
};

const COLUMNS: readonly Column<ColdFigures>[] = [
  {
    head: '× the blob, from the storage',
    metric: 'bytes from the storage',
    unit: '× the blob',
    better: 'less',
    value: ({ ratio }) => ratio,
  },
  {
    head: 'seconds until all have it',
    metric: 'time',
    unit: 's',
    better: 'less',
    value: ({ seconds }) => seconds,
    ratio: { head: '× best peer', to: 'best peer' },
  },
  { head: 'CPU s', metric: 'CPU', unit: 's', better: 'less', value: (round) => round.cpuSeconds },
  {
    head: 'peak resident MiB',
    metric: 'peak resident memory',
    unit: 'MiB',
    better: 'less',
    digits: 0,
    most: true,
    value: ({ peakBytes }) => peakBytes / MEBIBYTE,
  },
];

/** What one blob costs that nobody has yet. */
export const COLD_CLIENT: SectionRun = {
  name: 'cold-client',
  title: 'Cold blob, one client',
  run: (bench) => measureKinds(bench, 1),
};

/** The same where ten ask for it at once. */
export const COLD_CLIENTS: SectionRun = {
  name: 'cold-clients',
  title: 'Cold blob, ten clients at once',
  run: (bench) => measureKinds(bench, 10),
};

/** The same for a herd. */
export const HERD: SectionRun = {
  name: 'herd',
  title: 'Cold blob, a herd of 50',
  run: (bench) => measureKinds(bench, 50),
};

async function measureKinds(bench: Bench, clients: number): Promise<SectionResult> {
  const { options, workspace } = bench;
  const origin = await startCountingOrigin(workspace, { bytesPerSecond: STORAGE_BYTES_PER_SECOND });
  const rows = [...CACHES, BERTH_WITHOUT].map((kind) => ({ kind, rounds: new Array<ColdFigures>() }));
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const { kind, rounds } of rows) {
        const figures = await measure(bench, origin, kind, clients);
        rounds.push(figures);
        bench.say(`round ${round}: ${kind.name}, ${clients} clients: ${figures.ratio.toFixed(2)} × the blob`);
      }
    }
  } finally {
    await origin.stop();
  }
  const { markdown, figures } = tabulate(
    rows.map(({ kind, rounds }): Row<ColdFigures> => ({ name: kind.name, peer: kind.peer, rounds })),
    COLUMNS,
  );
  return {
    figures,
    markdown: `A blob of ${options.coldMebibytes} MiB, ${clients === 1 ? 'one client asking for the whole of it' : `${clients} clients asking for the whole of it at once`}; ${options.rounds} rounds, every one with a fresh proxy. The storage is held to
${STORAGE_BYTES_PER_SECOND / MEBIBYTE} MiB/s per connection, so that all ask before anybody has it. The digest is checked afterwards. Varnish's cache is in its resident memory.

${markdown}`,
  };
}

async function measure(
  bench: Bench,
  origin: CountingOrigin,
  kind: CacheKind,
  clients: number,
): Promise<ColdFigures> {
  const blob = bench.workspace.addBlob(bench.options.coldMebibytes);
  try {
    return await withCache(kind, bench, origin, async ({ base, server: { pid } }) => {
      const target = { url: `${base}${blob.path}`, firstPos: 0 };
      resetPeak(pid);
      const [sentBefore, cpuBefore] = [origin.sentBytes(), cpuSeconds(pid)];
      const seconds = await downloadMany(target, {
        count: clients,
        concurrency: clients,
        bytes: blob.bytes,
      });
      const sent = (await origin.settledBytes()) - sentBefore;
      const spent = cpuSeconds(pid) - cpuBefore;
      const { peak } = residentBytes(pid);
      await checkContent(target, blob);
      return { ratio: sent / blob.bytes, seconds, cpuSeconds: spent, peakBytes: peak };
    });
  } finally {
    rmSync(blob.file);
  }
}
