import { rmSync } from 'node:fs';

import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { downloadEach, downloadMany } from '../download.ts';
import type { StreamFigures } from '../measure.ts';
import { cpuSeconds, resetPeak, residentBytes } from '../process-figures.ts';
import { settleCpu } from '../settle-cpu.ts';
import { streamColumns } from '../stream-columns.ts';
import { type Row, tabulate } from '../tabulate.ts';
import { withTlsFiles } from '../tls-files.ts';
import type { Blob } from '../workspace.ts';
import { CACHES, type CacheKind, withCache } from './caches.ts';
import { type CountingOrigin, startCountingOrigin } from './counting-origin.ts';

const GIBIBYTE = 1024 ** 3;
/** Of them one warms the proxy, which is fresh in every round. */
const BLOBS = 5;

/** What it costs to fetch a blob, pass it on and keep it. */
export const COLD_FILL: SectionRun = {
  name: 'cold-fill',
  title: 'Cold blob, passed on and kept',
  run: (bench) =>
    withTlsFiles(async (tls) => {
      const { options, workspace } = bench;
      const blobs = Array.from({ length: BLOBS }, () => workspace.addBlob(options.blobMebibytes));
      const origins: CountingOrigin[] = [];
      try {
        origins.push(await startCountingOrigin(workspace), await startCountingOrigin(workspace, { tls }));
        return await measureAll(bench, origins, blobs);
      } finally {
        for (const origin of origins) await origin.stop();
        for (const { file } of blobs) rmSync(file);
      }
    }),
};

async function measureAll(
  bench: Bench,
  origins: readonly CountingOrigin[],
  blobs: readonly Blob[],
): Promise<SectionResult> {
  const { options, say } = bench;
  const rows = origins.flatMap((origin) =>
    CACHES.filter(({ speaksTls }) => speaksTls || origin.tls === undefined).map((kind) => ({
      origin,
      kind,
      name: kind.name,
      peer: kind.peer,
      case: origin.tls === undefined ? 'plain' : 'TLS',
      rounds: new Array<StreamFigures>(),
    })),
  );
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { origin, kind, rounds, ...row } of rows) {
      const figures = await measure(bench, origin, kind, blobs);
      rounds.push(figures);
      say(`round ${round}: ${row.name}, ${row.case}: ${figures.cpuSecondsPerGibibyte.toFixed(2)} CPU s/GiB`);
    }
  }
  const { markdown, figures } = tabulate<Partial<StreamFigures>>(
    rows.map(
      ({ name, peer, case: transport, rounds }): Row<StreamFigures> => ({
        name,
        peer,
        case: transport,
        rounds,
      }),
    ),
    streamColumns({ head: '× best peer', to: 'best peer' }),
  );
  return {
    figures,
    markdown: `${BLOBS - 1} blobs of ${options.blobMebibytes} MiB that nobody has, each downloaded once and all at the same time, by a proxy that was started for it and has kept one other
blob before; ${options.rounds} rounds. *TLS* is on both sides, certificates verified. What a proxy still does when its clients have everything counts as well. Berth, distribution and
docker-registry hash what they keep, nginx and Varnish do not. Varnish keeps it in memory, the others in files.

${markdown}`,
  };
}

function measure(
  bench: Bench,
  origin: CountingOrigin,
  kind: CacheKind,
  blobs: readonly Blob[],
): Promise<StreamFigures> {
  return withCache(kind, bench, origin, async ({ base, server: { pid } }) => {
    const [first, ...others] = blobs.map(({ path }) => ({ url: `${base}${path}`, firstPos: 0 }));
    const bytes = blobs[0]?.bytes ?? 0;
    if (first === undefined) throw new Error('no blobs');
    await downloadMany(first, { count: 1, concurrency: 1, bytes });
    await settleCpu(pid);
    resetPeak(pid);
    const [cpuBefore, sentBefore] = [cpuSeconds(pid), origin.sentBytes()];
    const seconds = await downloadEach(others, bytes);
    await settleCpu(pid);
    const sent = origin.sentBytes() - sentBefore;
    const wanted = others.length * bytes;
    if (sent < wanted) throw new Error(`${kind.name}: the storage sent ${sent} bytes, not ${wanted}`);
    return {
      cpuSecondsPerGibibyte: (cpuSeconds(pid) - cpuBefore) / (wanted / GIBIBYTE),
      gibibytesPerSecond: wanted / GIBIBYTE / seconds,
      peakBytes: residentBytes(pid).peak,
    };
  });
}
