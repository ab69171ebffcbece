import { rmSync } from 'node:fs';

import { createTestAuthority } from '../../test/support/ca.ts';
import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { CACHES, type OpenCache } from '../cold/caches.ts';
import { type CountingOrigin, startCountingOrigin } from '../cold/counting-origin.ts';
import type { TlsFiles } from '../cold/nginx-cache.ts';
import { checkContent } from '../download.ts';
import { measureStream, type StreamFigures } from '../measure.ts';
import { streamColumns } from '../stream-columns.ts';
import { tabulate } from '../tabulate.ts';
import type { Blob } from '../workspace.ts';

const CLEAR = 'plain';
const TLS = 'TLS';

/** What a blob costs that the proxy has already. */
export const WARM: SectionRun = {
  name: 'warm',
  title: 'Warm blob',
  async run(bench) {
    const { options, workspace } = bench;
    const authority = await createTestAuthority();
    const files: TlsFiles = await authority.issue([
      'localhost',
      ...['inline', 'login', 'data'].map((name) => `${name}.localhost`),
    ]);
    const origin = await startCountingOrigin(workspace);
    const blob = workspace.addBlob(options.blobMebibytes);
    const open = new Map<string, OpenCache>();
    try {
      for (const [transport, tls] of [
        [CLEAR, undefined],
        [TLS, files],
      ] as const) {
        for (const kind of CACHES)
          open.set(`${kind.name}, ${transport}`, await kind.open(bench, origin, tls));
      }
      return describe(bench, await measureAll(bench, origin, open, blob));
    } finally {
      for (const cache of open.values()) await cache.close();
      await origin.stop();
      await authority.remove();
      rmSync(blob.file);
    }
  },
};

async function measureAll(
  bench: Bench,
  origin: CountingOrigin,
  open: ReadonlyMap<string, OpenCache>,
  blob: Blob,
): Promise<ReadonlyMap<string, StreamFigures[]>> {
  const { options } = bench;
  const subjects = [...open].map(([name, cache]) => ({
    name,
    server: cache.server,
    target: { url: `${cache.base}${blob.path}`, firstPos: 0 },
    measuredSlow: false,
  }));
  // Twice: the first one fills, and a proxy may still be writing when its client has everything.
  for (const { target } of [...subjects, ...subjects]) await checkContent(target, blob);
  const before = await origin.settledBytes();
  const figures = new Map<string, StreamFigures[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const subject of subjects) {
      const measured = await measureStream(subject, blob.bytes, options);
      figures.get(subject.name)?.push(measured);
      bench.say(`warm, ${subject.name}: ${measured.cpuSecondsPerGibibyte.toFixed(2)} CPU s/GiB`);
    }
  }
  const asked = (await origin.settledBytes()) - before;
  if (asked > 0) throw new Error(`not everything was warm: the storage sent ${asked} bytes`);
  return figures;
}

function describe({ options }: Bench, figures: ReadonlyMap<string, StreamFigures[]>): SectionResult {
  const rows = [...figures].map(([name, rounds]) => ({ name, rounds }));
  const table = tabulate(rows, streamColumns());
  return {
    figures: table.figures,
    markdown: `A blob of ${options.blobMebibytes} MiB, ${options.downloads} downloads per round, ${options.concurrency} at a time, each by a curl of its own; ${options.rounds} rounds, all rows in each. The storage
is not asked for a byte.

Read with care: each program brings its own OpenSSL, so the TLS rows compare those, too; and plain rows
move by up to a quarter of a CPU second from run to run, perhaps because on loopback the kernel counts the receiver's work for either side (not shown).
Plain and TLS are not to be subtracted from one another.

${table.markdown}`,
  };
}
