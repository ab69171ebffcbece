import { rmSync } from 'node:fs';

import type { Bench, SectionRun } from '../bench.ts';
import { checkContent, downloadMany } from '../download.ts';
import { formatSpread, spread } from '../statistics.ts';
import { type Row, tabulateCases } from '../tabulate.ts';
import { BERTH_WITHOUT, CACHES, type CacheKind, withCache } from './caches.ts';
import { type CountingOrigin, startCountingOrigin } from './counting-origin.ts';

const MEBIBYTE = 1024 ** 2;
const CLIENTS = [1, 10, 50] as const;
/** So slow that a fetch takes longer than fifty clients need to begin. */
const STORAGE_BYTES_PER_SECOND = 32 * MEBIBYTE;

/** What one blob that nobody has yet costs the upstream, by how many ask for it at once. */
export const COLD_CLIENTS: SectionRun = {
  name: 'cold-clients',
  title: 'Cold blob, many clients at once',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace, { bytesPerSecond: STORAGE_BYTES_PER_SECOND });
    const rows: Row<number>[] = [];
    try {
      for (const kind of [...CACHES, BERTH_WITHOUT]) {
        for (const clients of CLIENTS) {
          const ratios: number[] = [];
          for (let round = 0; round < options.rounds; round += 1) {
            ratios.push(await measure(bench, origin, kind, clients));
          }
          bench.say(`${kind.name}, ${clients} clients: ${formatSpread(spread(ratios))} × the blob`);
          rows.push({
            name: kind.name,
            case: `${clients} ${clients === 1 ? 'client' : 'clients'}`,
            rounds: ratios,
          });
        }
      }
    } finally {
      await origin.stop();
    }
    const { markdown, figures } = tabulateCases(rows, {
      head: '× the blob',
      metric: 'bytes from the storage',
      unit: '× the blob',
      better: 'less',
      value: (ratio) => ratio,
    });
    return {
      figures,
      markdown: `Bytes that the storage sent ÷ size of the blob (${options.coldMebibytes} MiB), each client asking for the whole; ${options.rounds} rounds, every one
with a fresh proxy. The storage is held to ${STORAGE_BYTES_PER_SECOND / MEBIBYTE} MiB/s per connection, so that all ask before anybody has it. The digest is checked
afterwards.

${markdown}`,
    };
  },
};

async function measure(
  bench: Bench,
  origin: CountingOrigin,
  kind: CacheKind,
  clients: number,
): Promise<number> {
  const blob = bench.workspace.addBlob(bench.options.coldMebibytes);
  try {
    return await withCache(kind, bench, origin, async (cache) => {
      const target = { url: `${cache.base}${blob.path}`, firstPos: 0 };
      const before = origin.sentBytes();
      await downloadMany(target, { count: clients, concurrency: clients, bytes: blob.bytes });
      const after = await origin.settledBytes();
      await checkContent(target, blob);
      return (after - before) / blob.bytes;
    });
  } finally {
    rmSync(blob.file);
  }
}
