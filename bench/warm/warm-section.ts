import { rmSync } from 'node:fs';

import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { CACHES, type CacheKind, type OpenCache } from '../cold/caches.ts';
import { type CountingOrigin, startCountingOrigin } from '../cold/counting-origin.ts';
import { checkContent } from '../download.ts';
import { measureStream, type StreamFigures } from '../measure.ts';
import { streamColumns } from '../stream-columns.ts';
import { type Row, tabulate } from '../tabulate.ts';
import { type TlsFiles, withTlsFiles } from '../tls-files.ts';
import type { Blob } from '../workspace.ts';

const CLEAR = 'plain';
const TLS = 'TLS';

/** What a blob costs that the proxy has already. */
export const WARM: SectionRun = {
  name: 'warm',
  title: 'Warm blob',
  run: (bench) => withTlsFiles((files) => measureBoth(bench, files)),
};

type WarmCache = { kind: CacheKind; transport: string; cache: OpenCache };

async function measureBoth(bench: Bench, files: TlsFiles): Promise<SectionResult> {
  const { options, workspace } = bench;
  const origin = await startCountingOrigin(workspace);
  const blob = workspace.addBlob(options.blobMebibytes);
  const open: WarmCache[] = [];
  try {
    for (const [transport, tls] of [
      [CLEAR, undefined],
      [TLS, files],
    ] as const) {
      for (const kind of CACHES.filter(({ speaksTls }) => speaksTls || tls === undefined)) {
        open.push({ kind, transport, cache: await kind.open(bench, origin, tls) });
      }
    }
    return describe(bench, await measureAll(bench, origin, open, blob));
  } finally {
    for (const { cache } of open) await cache.close();
    await origin.stop();
    rmSync(blob.file);
  }
}

async function measureAll(
  bench: Bench,
  origin: CountingOrigin,
  open: readonly WarmCache[],
  blob: Blob,
): Promise<readonly Row<StreamFigures>[]> {
  const { options } = bench;
  const subjects = open.map(({ kind, transport, cache }) => ({
    row: { name: kind.name, peer: kind.peer, case: transport, rounds: new Array<StreamFigures>() },
    subject: { server: cache.server, target: { url: `${cache.base}${blob.path}`, firstPos: 0 } },
  }));
  // Twice: the first one fills, and a proxy may still be writing when its client has everything.
  for (const { subject } of [...subjects, ...subjects]) await checkContent(subject.target, blob);
  const before = await origin.settledBytes();
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { row, subject } of subjects) {
      const measured = await measureStream(subject, blob.bytes, options);
      row.rounds.push(measured);
      bench.say(`warm, ${row.name}, ${row.case}: ${measured.cpuSecondsPerGibibyte.toFixed(2)} CPU s/GiB`);
    }
  }
  const asked = (await origin.settledBytes()) - before;
  if (asked > 0) throw new Error(`not everything was warm: the storage sent ${asked} bytes`);
  return subjects.map(({ row }) => row);
}

function describe({ options }: Bench, rows: readonly Row<StreamFigures>[]): SectionResult {
  const table = tabulate(rows, streamColumns({ head: '× best peer', to: 'best peer' }));
  return {
    figures: table.figures,
    markdown: `A blob of ${options.blobMebibytes} MiB, ${options.downloads} downloads per round, ${options.concurrency} at a time, each by a curl of its own; ${options.rounds} rounds, all rows in each. The storage
is not asked for a byte.

Read with care: each program brings its own OpenSSL, so the TLS rows compare those, too; and plain rows
move by up to a quarter of a CPU second from run to run, perhaps because on loopback the kernel counts the receiver's work for either side (not shown).
Plain and TLS are not to be subtracted from one another. Varnish keeps its blobs in memory, so that they are in its resident memory, and has no TLS of its own.
The ratio is to the peer that spends least, in the same round. Berth is to stay within 2 × nginx plain, 1.2 × nginx with TLS, and below distribution in both.
HAProxy keeps nothing of this size.

${table.markdown}`,
  };
}
