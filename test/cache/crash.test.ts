import { randomInt } from 'node:crypto';
import { pino } from 'pino';
import t, { type Test } from 'tap';

import type { BlobStore } from '../../src/cache/blob-store.ts';
import { openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { Content } from '../support/contract/blob-store.ts';
import { CRASH_MAX_BYTES, CRASH_PIECE_BYTES, crashContents, wrongBytes } from '../support/crash-contents.ts';
import { startStoreProcess } from '../support/store-process.ts';
import { testDirectory } from '../support/test-directory.ts';

/** Two series of kills at a time, each on a directory of its own. */
const SERIES = 2;
const KILLS = 50;
/** Steps of a process before it is killed: in its first blob, or after some evictions. */
const MAX_STEPS = 70;

type Found = { blobs: number; pieces: number; wrong: string[] };

/** Looks at everything that is there, as the next process would. */
async function inspect(store: BlobStore, contents: readonly Content[], found: Found): Promise<void> {
  for (const content of contents) {
    const blob = await store.open(content.digest);
    if (blob !== undefined) {
      found.blobs += 1;
      if (await wrongBytes(blob, content.bytes)) found.wrong.push(`blob ${content.digest}`);
      blob.close();
      continue;
    }
    const partial = await store.openPartial(content.digest, content.bytes.length, 'contoso');
    if (partial === undefined) continue;
    for (let piece = 0; piece < partial.pieceCount; piece += 1) {
      if (!(await partial.has(piece))) continue;
      found.pieces += 1;
      const at = piece * partial.pieceBytes;
      const expected = content.bytes.subarray(at, at + partial.pieceBytes);
      const bytes = Buffer.alloc(expected.length);
      await partial.read(at, bytes);
      if (!bytes.equals(expected)) found.wrong.push(`piece ${piece} of ${content.digest}`);
    }
    await partial.close();
  }
}

async function series(t: Test, seed: number): Promise<void> {
  const directory = testDirectory(t);
  const contents = crashContents(seed);
  const found: Found = { blobs: 0, pieces: 0, wrong: [] };
  const said = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = await startStoreProcess(t, { directory, mode: 'fill', seed });
    await child.reaches(randomInt(1, MAX_STEPS));
    await child.kill();
    for (const line of child.lines) {
      if (line.startsWith('WRONG')) found.wrong.push(line);
      said.set(line, (said.get(line) ?? 0) + 1);
    }
    // Each other process finds what a killed one left, and not what this look made of it.
    if (kill % 2 === 0) continue;
    const store = await openDiskStore({
      directory,
      maxBytes: CRASH_MAX_BYTES,
      minFreeBytes: 0,
      pieceBytes: CRASH_PIECE_BYTES,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
      now: Date.now,
    });
    // What a killed process left over the limit goes in the background, without being asked for: a start that did not
    // begin with it would wait here for ever.
    while (store.usage.bytes + store.usage.partialBytes > CRASH_MAX_BYTES) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.ok(store.usage.bytes + store.usage.partialBytes <= CRASH_MAX_BYTES, 'within its limit');
    await inspect(store, contents, found);
    await store.close();
  }
  t.same(found.wrong, [], 'nothing wrong is served');
  t.ok(found.pieces > 0 && found.blobs > 0, `${found.blobs} blobs and ${found.pieces} pieces survived`);
  t.ok(
    (said.get('reused') ?? 0) > 0,
    `${said.get('reused')} intact pieces were reused by the next process or the next fill`,
  );
  t.ok((said.get('published') ?? 0) > 0, `${said.get('published')} blobs were published`);
}

t.test(`${SERIES * KILLS} kills in the middle of fills`, { jobs: SERIES }, (t) => {
  for (let seed = 0; seed < SERIES; seed += 1) t.test(`series ${seed}`, (t) => series(t, seed));
  t.end();
});
