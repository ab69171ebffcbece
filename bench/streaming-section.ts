import { rmSync } from 'node:fs';

import type { Bench, SectionResult, SectionRun } from './bench.ts';
import { checkContent } from './download.ts';
import { measureHash, measureStream, type StreamFigures } from './measure.ts';
import { startOrigin } from './nginx.ts';
import { describeStreaming } from './streaming-report.ts';
import { BASELINE, openStand, type Stand, VERIFICATION } from './subject.ts';
import type { Blob } from './workspace.ts';

/** What streaming costs with nothing kept. */
export const STREAMING: SectionRun = {
  name: 'streaming',
  title: 'Streaming, nothing cached',
  async run(bench) {
    const { workspace, options } = bench;
    const blob = workspace.addBlob(options.blobMebibytes);
    const origin = await startOrigin(workspace);
    let stand: Stand | undefined;
    try {
      stand = await openStand(workspace, origin, blob);
      return await measureStand(bench, stand, blob);
    } finally {
      await stand?.stop();
      await origin.stop();
      rmSync(blob.file);
    }
  },
};

async function measureStand({ options, say }: Bench, stand: Stand, blob: Blob): Promise<SectionResult> {
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
  return describeStreaming({ options, baseline: BASELINE, verification: VERIFICATION, streams, hash });
}
