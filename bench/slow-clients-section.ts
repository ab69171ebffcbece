import { rmSync } from 'node:fs';

import type { SectionRun } from './bench.ts';
import { measureSlowClients, type SlowFigures } from './measure.ts';
import { startOrigin } from './origin.ts';
import { openStand, type Stand } from './subject.ts';
import { type Column, type Row, tabulate } from './tabulate.ts';

const MEBIBYTE = 1024 ** 2;

/** What streaming to slow clients takes in memory, with nothing kept. */
export const SLOW_CLIENTS: SectionRun = {
  name: 'slow-clients',
  title: 'Memory under slow clients',
  async run({ workspace, options, say }) {
    const blob = workspace.addBlob(options.blobMebibytes);
    const origin = await startOrigin(workspace);
    const rows: Row<SlowFigures>[] = [];
    let stand: Stand | undefined;
    try {
      stand = await openStand(workspace, origin, blob);
      for (const { name, server, target } of stand.subjects.filter(({ measuredSlow }) => measuredSlow)) {
        const figures = await measureSlowClients({ name, server, urls: [target.url] }, options);
        rows.push({ name, rounds: [figures] });
        say(`slow clients, ${name}: at most ${(figures.peakBytes / MEBIBYTE).toFixed(0)} MiB`);
      }
    } finally {
      await stand?.stop();
      await origin.stop();
      rmSync(blob.file);
    }
    const { markdown, figures } = tabulate(rows, columns(options.slowClients));
    return {
      figures,
      markdown: `${options.slowClients} clients at ${options.slowKibibytesPerSecond} KiB/s each for ${options.slowSeconds} s, none of them finishing the blob, each proxy fresh; the kernel's own socket buffers are not
in it.

${markdown}`,
    };
  },
};

function columns(clients: number): readonly Column<SlowFigures>[] {
  const column = (
    name: string,
    digits: number,
    value: (figures: SlowFigures) => number,
  ): Column<SlowFigures> => ({
    head: `${name}, MiB`,
    metric: `resident memory, ${name}`,
    unit: 'MiB',
    better: 'less',
    digits,
    most: true,
    value: (figures) => value(figures) / MEBIBYTE,
  });
  return [
    column('before', 0, ({ idleBytes }) => idleBytes),
    column('median', 0, ({ medianBytes }) => medianBytes),
    column('peak', 0, ({ peakBytes }) => peakBytes),
    column('growth per client', 2, ({ peakBytes, idleBytes }) => (peakBytes - idleBytes) / clients),
  ];
}
