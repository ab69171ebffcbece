import { rmSync } from 'node:fs';

import type { SectionRun } from '../bench.ts';
import { BERTH_WITHOUT, CACHES, VARNISH, withCache } from '../cold/caches.ts';
import { startCountingOrigin } from '../cold/counting-origin.ts';
import { measureSlowClients, type SlowFigures } from '../measure.ts';
import { type Column, type Row, tabulate } from '../tabulate.ts';

const READERS = 200;
const BLOB_MEBIBYTES = 1024;
const MEBIBYTE = 1024 ** 2;

/** Resident memory while many clients read large blobs slowly, from the moment that nobody has them on. */
export const SLOW_READERS: SectionRun = {
  name: 'slow-readers',
  title: 'Memory under 200 slow readers',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    const blobs = Array.from({ length: options.readerBlobs }, () => workspace.addBlob(BLOB_MEBIBYTES));
    const settings = {
      slowClients: READERS,
      slowKibibytesPerSecond: options.slowKibibytesPerSecond,
      slowSeconds: options.readerSeconds,
    };
    const urls = (base: string): string[] => blobs.map(({ path }) => `${base}${path}`);
    let rows: Row<SlowFigures>[];
    try {
      // All at once: what counts is memory, and four times ten minutes are long.
      const ended = await Promise.allSettled(
        [...CACHES.filter((kind) => kind !== VARNISH), BERTH_WITHOUT].map((kind) =>
          withCache(kind, bench, origin, async ({ server, base }) => {
            const subject = { name: kind.name, server, urls: urls(base) };
            const figures = await measureSlowClients(subject, settings);
            bench.say(`slow readers, ${kind.name}: at most ${(figures.peakBytes / MEBIBYTE).toFixed(0)} MiB`);
            return { name: kind.name, rounds: [figures] };
          }),
        ),
      );
      // Not before all of them have ended: what was left behind would run on.
      rows = ended.map((each) => {
        if (each.status === 'rejected') throw each.reason;
        return each.value;
      });
    } finally {
      await origin.stop();
      for (const { file } of blobs) rmSync(file);
    }
    const { markdown, figures } = tabulate(rows, COLUMNS);
    return {
      figures,
      markdown: `${READERS} clients at ${options.slowKibibytesPerSecond} KiB/s each for ${options.readerSeconds} s, none of them finishing, over ${options.readerBlobs} blobs of 1 GiB that the proxy does not have at the start, all
proxies at the same time. *Early* and *late* are the medians of the second and the last tenth of that time, *trend* is the rise per minute over its
second half. MiB resident; the kernel's own buffers and page cache are not in it. Varnish is not among them: its cache is in
that memory.

${markdown}`,
    };
  },
};

const COLUMNS: readonly Column<SlowFigures>[] = [
  column('before', ({ idleBytes }) => idleBytes),
  column('median', ({ medianBytes }) => medianBytes),
  column('peak', ({ peakBytes }) => peakBytes),
  column('early', ({ earlyBytes }) => earlyBytes),
  column('late', ({ lateBytes }) => lateBytes),
  { ...column('trend', ({ trendBytesPerMinute }) => trendBytesPerMinute), unit: 'MiB/min', digits: 2 },
];

function column(head: string, value: (figures: SlowFigures) => number): Column<SlowFigures> {
  return {
    head,
    metric: `resident memory, ${head}`,
    unit: 'MiB',
    better: 'less',
    digits: 0,
    most: true,
    value: (figures) => value(figures) / MEBIBYTE,
  };
}
