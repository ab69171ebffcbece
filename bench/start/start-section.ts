import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { storeLayout } from '../../src/cache/store-layout.ts';
import { DISK_CACHE } from '../../test/support/disk-cache.ts';
import type { Bench, SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { type CountingOrigin, startCountingOrigin } from '../cold/counting-origin.ts';
import { openTimedClient } from '../cold/time-first-byte.ts';
import { type Row, tabulate } from '../tabulate.ts';
import { REPOSITORY } from '../workspace.ts';

const run = promisify(execFile);

const BLOB_BYTES = 512;
const FILL_TIMEOUT_MS = 900_000;
const MILLISECONDS = 1_000;

/** How long a Berth takes that has many blobs. */
export const START: SectionRun = {
  name: 'start',
  title: 'Start with many cached blobs',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    // Without one, this is the filling alone.
    const rounds = DISK_CACHE ? options.rounds : 0;
    const rows: Row<number>[] = [];
    try {
      for (const count of [1, options.startBlobs]) {
        const directory = join(workspace.directory, workspace.uniqueName('store'));
        mkdirSync(directory);
        const script = join(import.meta.dirname, 'fill-store.ts');
        const fill = [script, directory, String(count)];
        const { stdout } = await run(process.execPath, fill, { timeout: FILL_TIMEOUT_MS });
        const digest = stdout.trim();
        for (const lost of [false, true]) {
          const seconds: number[] = [];
          for (let round = 0; round < rounds; round += 1) {
            if (lost) rmSync(storeLayout(directory).catalog, { force: true });
            seconds.push(await timeStart(bench, origin, directory, digest));
          }
          const name = `${count} ${count === 1 ? 'blob' : 'blobs'}${lost ? ', catalog lost' : ''}`;
          rows.push({ name, rounds: seconds });
          bench.say(`start, ${name}: ${seconds.map((each) => each.toFixed(2)).join(', ')} s`);
        }
        rmSync(directory, { recursive: true });
      }
    } finally {
      await origin.stop();
    }
    const { markdown, figures } = tabulate(rows, [
      {
        head: 'seconds',
        metric: 'time',
        unit: 's',
        better: 'less',
        absent: 'not yet',
        value: (taken) => taken,
      },
    ]);
    return {
      figures,
      markdown: `Seconds from the start of the process to the last byte of a blob out of its cache; ${options.rounds} rounds. *Catalog lost*: the list of what is there is
made anew from the directories, as after a crash.

${markdown}`,
    };
  },
};

async function timeStart(
  { workspace }: Bench,
  origin: CountingOrigin,
  cacheDirectory: string,
  digest: string,
): Promise<number> {
  const client = openTimedClient();
  const before = performance.now();
  const berth = await startBerth(workspace, origin, { cacheDirectory });
  try {
    // The storage has no such blob: what comes is the cache's.
    await client.timeFirstByte(`${berth.inline}/v2/${REPOSITORY}/blobs/${digest}`, BLOB_BYTES);
    return (performance.now() - before) / MILLISECONDS;
  } finally {
    client.close();
    await berth.stop();
  }
}
