import { rmSync } from 'node:fs';

import type { SectionRun } from '../bench.ts';
import { BERTH_WITHOUT, CACHES, withCache } from '../cold/caches.ts';
import { startCountingOrigin } from '../cold/counting-origin.ts';
import { formatTable, mebibytes } from '../markdown.ts';
import { measureSlowClients } from '../measure.ts';

const READERS = 200;
const BLOB_MEBIBYTES = 1024;

/** Resident memory while many clients read large blobs slowly, from the moment that nobody has them on. */
export const SLOW_READERS: SectionRun = {
  name: 'slow-readers',
  title: 'Memory under 200 slow readers',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    const blobs = Array.from({ length: options.readerBlobs }, () => workspace.addBlob(BLOB_MEBIBYTES));
    const rows: string[][] = [];
    try {
      for (const kind of [...CACHES, BERTH_WITHOUT]) {
        const figures = await withCache(kind, bench, origin, ({ server, base }) =>
          measureSlowClients(
            { name: kind.name, server, urls: blobs.map(({ path }) => `${base}${path}`) },
            {
              slowClients: READERS,
              slowKibibytesPerSecond: options.slowKibibytesPerSecond,
              slowSeconds: options.readerSeconds,
            },
          ),
        );
        const { idleBytes, medianBytes, peakBytes, earlyBytes, lateBytes } = figures;
        rows.push([kind.name, ...[idleBytes, medianBytes, peakBytes, earlyBytes, lateBytes].map(mebibytes)]);
        bench.say(`slow readers, ${rows.at(-1)?.join(' ')}`);
      }
    } finally {
      await origin.stop();
      for (const { file } of blobs) rmSync(file);
    }
    return `${READERS} clients at ${options.slowKibibytesPerSecond} KiB/s each for ${options.readerSeconds} s, none of them finishing, over ${options.readerBlobs} blobs of 1 GiB that the proxy does not have at the start. *Early* and
*late* are the medians of the second and the last tenth of that time. MiB resident; the kernel's own buffers and page cache are not in it.

${formatTable(['', 'before', 'median', 'peak', 'early', 'late'], rows)}`;
  },
};
