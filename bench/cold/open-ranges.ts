import { rmSync } from 'node:fs';

import type { Bench, SectionRun } from '../bench.ts';
import { formatTable } from '../markdown.ts';
import { formatSpread, spread } from '../statistics.ts';
import type { Blob } from '../workspace.ts';
import { BERTH_WITHOUT, CACHES, type CacheKind, withCache } from './caches.ts';
import { type CountingOrigin, startCountingOrigin } from './counting-origin.ts';
import { readAndHangUp } from './hang-up.ts';

const MEBIBYTE = 1024 ** 2;
/** containerd documents this size for `concurrent_layer_fetch_buffer`. */
const READ_BYTES = 8 * MEBIBYTE;

/** What clients cost the upstream that ask for everything from a byte on and hang up early. */
export const OPEN_RANGES: SectionRun = {
  name: 'open-ranges',
  title: 'Cold blob, open ranges hung up early',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    const blob = workspace.addBlob(options.rangeMebibytes);
    const rows: string[][] = [];
    try {
      for (const kind of [...CACHES, BERTH_WITHOUT]) {
        const [whole, single]: [(number | undefined)[], number[]] = [[], []];
        for (let round = 0; round < options.rounds; round += 1) {
          whole.push(await readWhole(bench, origin, kind, blob));
          single.push(await readOnce(bench, origin, kind, blob));
        }
        const ratios = whole.filter((ratio) => ratio !== undefined);
        rows.push([
          kind.name,
          ratios.length === whole.length ? formatSpread(spread(ratios)) : 'answers with the whole',
          formatSpread(spread(single.map((bytes) => bytes / MEBIBYTE)), 1),
        ]);
        bench.say(`open ranges, ${rows.at(-1)?.join(': ')}`);
      }
    } finally {
      await origin.stop();
      rmSync(blob.file);
    }
    return `A blob of ${options.rangeMebibytes} MiB, ${options.rounds} rounds, every one with a fresh proxy. *Whole*: \`bytes=0-\`, \`bytes=${READ_BYTES}-\` and so on, one after the other, each hung up
after ${READ_BYTES / MEBIBYTE} MiB; bytes that the storage sent ÷ the blob. *Abandoned*: \`bytes=0-\` once, hung up after ${READ_BYTES / MEBIBYTE} MiB and nothing more; MiB that the storage
sent beyond those. What the kernel had taken from the storage when the connection was cut is in it.

${formatTable(['', 'whole', 'abandoned, MiB too many'], rows)}`;
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
