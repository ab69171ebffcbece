import { setInterval } from 'node:timers';
import { pino } from 'pino';

import { openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { CRASH_MAX_BYTES, CRASH_PIECE_BYTES, crashContents, wrongBytes } from './crash-contents.ts';
import type { StoreJob } from './store-process.ts';

/** The process that `startStoreProcess` starts: a line says `opened`, then one for each step. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parent is `startStoreProcess`
const job = JSON.parse(process.argv[2] ?? '') as StoreJob;

const say = (line: string) => void process.stdout.write(`${line}\n`);

const store = await openDiskStore({
  directory: job.directory,
  maxBytes: CRASH_MAX_BYTES,
  minFreeBytes: 0,
  pieceBytes: CRASH_PIECE_BYTES,
  metrics: createMetrics(),
  log: pino({ level: 'silent' }),
  now: Date.now,
});
say('opened');

if (job.mode === 'hold') setInterval(() => {}, 60_000);
else await Promise.all([work(), work(), work()]);

/** Fills, publishes, leaves and reads blobs without end, and says what is not as it was written. */
async function work(): Promise<never> {
  const contents = crashContents(job.seed ?? 0);
  for (;;) {
    const content = contents[Math.floor(Math.random() * contents.length)];
    if (content === undefined) continue;
    const blob = await store.open(content.digest);
    if (blob !== undefined) {
      if (await wrongBytes(blob, content.bytes)) say(`WRONG blob ${content.digest}`);
      blob.close();
      // Otherwise all of them would soon be there for good.
      say(Math.random() < 0.5 ? await store.remove(content.digest) : 'hit');
      continue;
    }
    const partial = await store.openPartial(content.digest, content.bytes.length, 'contoso');
    if (partial === undefined) continue;
    const pieces = Array.from({ length: partial.pieceCount }, (_, piece) => piece);
    for (const piece of pieces.toSorted(() => Math.random() - 0.5)) {
      const at = piece * partial.pieceBytes;
      const bytes = content.bytes.subarray(at, at + partial.pieceBytes);
      if (await partial.has(piece)) {
        const found = Buffer.alloc(bytes.length);
        await partial.read(at, found);
        say(found.equals(bytes) ? 'reused' : `WRONG piece ${piece}`);
        continue;
      }
      const middle = Math.floor(Math.random() * bytes.length);
      await partial.write(at, bytes.subarray(0, middle));
      await partial.write(at + middle, bytes.subarray(middle));
      await partial.complete(piece);
      say('piece');
      if (Math.random() < 0.05) break;
    }
    const have = await Promise.all(pieces.map((piece) => partial.has(piece)));
    if (have.includes(false)) await partial.close();
    else {
      (await partial.publish()).close();
      say('published');
    }
  }
}
