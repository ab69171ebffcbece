// `npm run bench`: the flags are in options.ts. Linux only: the figures come from /proc.
import { writeFileSync } from 'node:fs';

import { checkContent } from './download.ts';
import { installPrograms } from './install-programs.ts';
import { describeMachine } from './machine.ts';
import {
  measureHash,
  measureSlowClients,
  measureStream,
  type SlowFigures,
  type StreamFigures,
} from './measure.ts';
import { measureNetworkRules, type RuleFigures } from './network-rules.ts';
import { startOrigin } from './nginx.ts';
import { parseOptions } from './options.ts';
import { formatReport } from './report.ts';
import { BASELINE, openStand, VERIFICATION } from './subject.ts';
import { createWorkspace } from './workspace.ts';

const options = parseOptions(process.argv.slice(2));
installPrograms();
const machine = describeMachine();
const workspace = createWorkspace(options.blobMebibytes);
try {
  const origin = await startOrigin(workspace);
  const stand = await openStand(workspace, origin).catch(async (error: unknown) => {
    await origin.stop();
    throw error;
  });
  try {
    for (const { target } of stand.subjects) await checkContent(target, workspace.blob);

    const streams = new Map<string, StreamFigures[]>(stand.subjects.map(({ name }) => [name, []]));
    const hash: number[] = [];
    const rules: RuleFigures[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const subject of stand.subjects) {
        const figures = await measureStream(subject, workspace.blob.bytes, options);
        streams.get(subject.name)?.push(figures);
        console.error(
          `round ${round}: ${subject.name}: ${figures.cpuSecondsPerGibibyte.toFixed(2)} CPU s/GiB`,
        );
      }
      hash.push(await measureHash(workspace, options));
      rules.push(measureNetworkRules());
    }

    const slow = new Map<string, SlowFigures>();
    for (const subject of stand.subjects.filter(({ measuredSlow }) => measuredSlow)) {
      slow.set(subject.name, await measureSlowClients(subject, options));
      console.error(`slow clients: ${subject.name}`);
    }

    const report = formatReport({
      machine,
      inMemory: workspace.inMemory,
      options,
      baseline: BASELINE,
      verification: VERIFICATION,
      streams,
      hash,
      slow,
      rules,
    });
    if (options.output !== undefined) writeFileSync(options.output, report);
    console.log(report);
  } finally {
    await stand.stop();
    await origin.stop();
  }
} finally {
  workspace.remove();
}
