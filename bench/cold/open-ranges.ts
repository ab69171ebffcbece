import { rmSync } from 'node:fs';

import type { Bench, SectionRun } from '../bench.ts';
import { type Column, type Row, tabulate } from '../tabulate.ts';
import type { Blob } from '../workspace.ts';
import { BERTH_WITHOUT, CACHES, type CacheKind, DOCKER_REGISTRY, withCache } from './caches.ts';
import { type CountingOrigin, startCountingOrigin } from './counting-origin.ts';
import { readAndHangUp } from './hang-up.ts';

const MEBIBYTE = 1024 ** 2;
/** containerd documents this size for `concurrent_layer_fetch_buffer`. */
const READ_BYTES = 8 * MEBIBYTE;

type OpenRanges = { whole: number | undefined; abandoned: number };

const COLUMNS: readonly Column<OpenRanges>[] = [
  {
    head: 'whole',
    metric: 'bytes from the storage',
    unit: '× the blob',
    better: 'less',
    absent: 'answers with the whole',
    value: ({ whole }) => whole,
  },
  {
    head: 'abandoned, MiB too many',
    metric: 'bytes from the storage, too many',
    unit: 'MiB',
    better: 'less',
    digits: 1,
    value: ({ abandoned }) => abandoned / MEBIBYTE,
  },
];

/** What clients cost the upstream that ask for everything from a byte on and hang up early. */
export const OPEN_RANGES: SectionRun = {
  name: 'open-ranges',
  title: 'Cold blob, open ranges hung up early',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    const blob = workspace.addBlob(options.rangeMebibytes);
    const rows: Row<OpenRanges>[] = [];
    try {
      // Debian's docker-registry does what distribution does.
      for (const kind of [...CACHES.filter((each) => each !== DOCKER_REGISTRY), BERTH_WITHOUT]) {
        const rounds: OpenRanges[] = [];
        for (let round = 0; round < options.rounds; round += 1) {
          const whole = await readWhole(bench, origin, kind, blob);
          rounds.push({ whole, abandoned: await readOnce(bench, origin, kind, blob) });
        }
        rows.push({ name: kind.name, rounds });
        bench.say(`open ranges, ${kind.name} is done`);
      }
    } finally {
      await origin.stop();
      rmSync(blob.file);
    }
    const { markdown, figures } = tabulate(rows, COLUMNS);
    return {
      figures,
      markdown: `A blob of ${options.rangeMebibytes} MiB, ${options.rounds} rounds, every one with a fresh proxy. *Whole*: \`bytes=0-\`, \`bytes=${READ_BYTES}-\` and so on, one after the other, each hung up
after ${READ_BYTES / MEBIBYTE} MiB; bytes that the storage sent ÷ the blob. *Abandoned*: \`bytes=0-\` once, hung up after ${READ_BYTES / MEBIBYTE} MiB and nothing more; MiB that the storage
sent beyond those. What the kernel had taken from the storage when the connection was cut is in it.

${markdown}`,
    };
  },
};

/** Undefined where ranges are answered with the whole: nobody can read a blob that way. */
function readWhole(
  bench: Bench,
  origin: CountingOrigin,
  kind: CacheKind,
  blob: Blob,
): Promise<number | undefined> {
  return withCache(kind, bench, origin, async ({ base }) => {
    const before = origin.sentBytes();
    for (let position = 0; position < blob.bytes; position += READ_BYTES) {
      const read = await readAndHangUp(`${base}${blob.path}`, position, READ_BYTES);
      if (read === 0) return undefined;
      if (read !== Math.min(READ_BYTES, blob.bytes - position)) {
        throw new Error(`${kind.name}: ${read} bytes from ${position} on`);
      }
    }
    return ((await origin.settledBytes()) - before) / blob.bytes;
  });
}

function readOnce(bench: Bench, origin: CountingOrigin, kind: CacheKind, blob: Blob): Promise<number> {
  return withCache(kind, bench, origin, async ({ base }) => {
    const before = origin.sentBytes();
    const read = await readAndHangUp(`${base}${blob.path}`, 0, READ_BYTES);
    return (await origin.settledBytes()) - before - read;
  });
}
