import { rmSync } from 'node:fs';

import type { Bench, SectionResult, SectionRun } from './bench.ts';
import { checkContent } from './download.ts';
import { measureHash, measureStream, type StreamFigures } from './measure.ts';
import { startOrigin } from './origin.ts';
import { describeStreaming, type Transport } from './streaming-report.ts';
import { BASELINE, openStand, type Stand, VERIFICATION } from './subject.ts';
import { type TlsFiles, withTlsFiles } from './tls-files.ts';
import type { Blob } from './workspace.ts';

/** What streaming costs with nothing kept. */
export const STREAMING: SectionRun = {
  name: 'streaming',
  title: 'Streaming, nothing cached',
  run: (bench) => measure(bench, 'plain', undefined),
};

/** The same with TLS towards clients and towards the origin. */
export const STREAMING_TLS: SectionRun = {
  name: 'streaming-tls',
  title: 'Streaming, nothing cached, TLS on both sides',
  run: (bench) => withTlsFiles((files) => measure(bench, 'TLS', files)),
};

async function measure(
  bench: Bench,
  transport: Transport,
  tls: TlsFiles | undefined,
): Promise<SectionResult> {
  const { workspace, options } = bench;
  const blob = workspace.addBlob(options.blobMebibytes);
  const origin = await startOrigin(workspace, { tls });
  let stand: Stand | undefined;
  try {
    stand = await openStand(workspace, origin, blob);
    return await measureStand(bench, transport, stand, blob);
  } finally {
    await stand?.stop();
    await origin.stop();
    rmSync(blob.file);
  }
}

async function measureStand(
  { options, say }: Bench,
  transport: Transport,
  stand: Stand,
  blob: Blob,
): Promise<SectionResult> {
  for (const { target } of stand.subjects) await checkContent(target, blob);

  const streams = new Map<string, StreamFigures[]>(stand.subjects.map(({ name }) => [name, []]));
  const hash: number[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const subject of stand.subjects) {
      const figures = await measureStream(subject, blob.bytes, options);
      streams.get(subject.name)?.push(figures);
      say(`round ${round}: ${subject.name}: ${figures.cpuSecondsPerGibibyte.toFixed(2)} CPU s/GiB`);
    }
    hash.push(await measureHash(blob, options));
  }
  return describeStreaming({
    options,
    transport,
    baseline: BASELINE,
    verification: VERIFICATION,
    streams,
    hash,
  });
}
