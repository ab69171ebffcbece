import { rmSync } from 'node:fs';

import type { SectionRun } from '../bench.ts';
import { downloadMany } from '../download.ts';
import { tabulate } from '../tabulate.ts';
import { BERTH_WITHOUT, FEW_CACHES, withCache } from './caches.ts';
import { startCountingOrigin } from './counting-origin.ts';

const MEGABYTE = 1_000_000;
/** What one connection to a large blob store gives, as measured by those who fetch from one in parallel. */
const HELD_BYTES_PER_SECOND = 60 * MEGABYTE;
const DIRECT = 'direct';

/** One client, one large blob that nobody has yet, and an upstream that holds every connection to a speed. */
export const HELD_UPSTREAM: SectionRun = {
  name: 'held-upstream',
  title: 'Cold blob, each upstream connection held to 60 MB/s',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace, { bytesPerSecond: HELD_BYTES_PER_SECOND });
    const blob = workspace.addBlob(options.heldMebibytes);
    const names = [DIRECT, ...[...FEW_CACHES, BERTH_WITHOUT].map(({ name }) => name)];
    const seconds = new Map<string, number[]>(names.map((name) => [name, []]));
    const download = (base: string): Promise<number> =>
      downloadMany(
        { url: `${base}${blob.path}`, firstPos: 0 },
        { count: 1, concurrency: 1, bytes: blob.bytes },
      );
    const note = (name: string, taken: number): void => {
      seconds.get(name)?.push(taken);
      bench.say(`held upstream, ${name}: ${taken.toFixed(1)} s`);
    };
    try {
      for (let round = 0; round < options.rounds; round += 1) {
        note(DIRECT, await download(`http://127.0.0.1:${origin.registryPort}`));
        for (const kind of [...FEW_CACHES, BERTH_WITHOUT]) {
          note(kind.name, await withCache(kind, bench, origin, ({ base }) => download(base)));
        }
      }
    } finally {
      await origin.stop();
      rmSync(blob.file);
    }
    const rows = [...seconds].map(([name, rounds]) => ({ name, rounds }));
    const { markdown, figures } = tabulate(rows, [
      { head: 'seconds', metric: 'time', unit: 's', better: 'less', value: (taken) => taken },
      {
        head: 'MB/s',
        metric: 'throughput',
        unit: 'MB/s',
        better: 'more',
        digits: 0,
        value: (taken) => blob.bytes / MEGABYTE / taken,
        ratio: { head: '× as fast as direct', to: { row: DIRECT } },
      },
    ]);
    return {
      figures,
      markdown: `One client, a blob of ${options.heldMebibytes} MiB, ${options.rounds} rounds, every one with a fresh proxy; nginx's \`limit_rate\` holds the storage.

${markdown}`,
    };
  },
};
