import { rmSync } from 'node:fs';

import type { SectionRun } from './bench.ts';
import { formatTable, mebibytes } from './markdown.ts';
import { measureSlowClients } from './measure.ts';
import { startOrigin } from './nginx.ts';
import { openStand, type Stand } from './subject.ts';

const MEBIBYTE = 1024 ** 2;

/** What streaming to slow clients takes in memory, with nothing kept. */
export const SLOW_CLIENTS: SectionRun = {
  name: 'slow-clients',
  title: 'Memory under slow clients',
  async run({ workspace, options, say }) {
    const blob = workspace.addBlob(options.blobMebibytes);
    const origin = await startOrigin(workspace);
    const rows: string[][] = [];
    let stand: Stand | undefined;
    try {
      stand = await openStand(workspace, origin, blob);
      for (const { name, server, target } of stand.subjects.filter(({ measuredSlow }) => measuredSlow)) {
        const figures = await measureSlowClients({ name, server, urls: [target.url] }, options);
        const { idleBytes, medianBytes, peakBytes } = figures;
        const growth = ((peakBytes - idleBytes) / MEBIBYTE / options.slowClients).toFixed(2);
        rows.push([name, ...[idleBytes, medianBytes, peakBytes].map(mebibytes), growth]);
        say(`slow clients, ${rows.at(-1)?.join(' ')}`);
      }
    } finally {
      await stand?.stop();
      await origin.stop();
      rmSync(blob.file);
    }
    return `${options.slowClients} clients at ${options.slowKibibytesPerSecond} KiB/s each for ${options.slowSeconds} s, none of them finishing the blob, each proxy fresh; the kernel's own socket buffers are not
in it.

${formatTable(['', 'before, MiB', 'median, MiB', 'peak, MiB', 'growth per client, MiB'], rows)}`;
  },
};
