import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';

import type { BlobStore, PartialBlob, StoredBlob } from '../../src/cache/blob-store.ts';
import { openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { randomContent } from '../support/contract/blob-store.ts';
import { CRASH_MAX_BYTES, CRASH_PIECE_BYTES, crashContents, wrongBytes } from '../support/crash-contents.ts';
import { createFailingDisk, type FailingDisk } from '../support/failing-disk.ts';
import { holdsInTime } from '../support/property.ts';

/** What may happen to a store, in any order and without waiting for each other. */
const stepOf = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), blob: fc.nat(11) }),
  fc.record({ kind: fc.constant('close' as const), blob: fc.nat(11) }),
  fc.record({ kind: fc.constant('fill' as const), blob: fc.nat(11), skip: fc.nat(8), discard: fc.boolean() }),
  fc.record({ kind: fc.constant('remove' as const), blob: fc.nat(11) }),
  fc.record({ kind: fc.constant('collect' as const) }),
  fc.record({ kind: fc.constant('break' as const), code: fc.constantFrom('EIO', 'ENOSPC', 'EROFS') }),
  fc.record({ kind: fc.constant('mend' as const) }),
  fc.record({ kind: fc.constant('settle' as const) }),
);

type Step = typeof stepOf extends fc.Arbitrary<infer Value> ? Value : never;

const contents = crashContents(7);
const LARGEST = randomContent(1).digest;

/** Fills what is missing but for one piece that is left out, and publishes where it can; whatever the disk does. */
async function fill(partial: PartialBlob, bytes: Buffer, skip: number, discard: boolean): Promise<void> {
  try {
    for (let piece = 0; piece < partial.pieceCount; piece += 1) {
      const at = piece * partial.pieceBytes;
      const expected = bytes.subarray(at, at + partial.pieceBytes);
      if (await partial.has(piece)) {
        const found = Buffer.alloc(expected.length);
        await partial.read(at, found);
        assert.ok(found.equals(expected), 'a piece that is there is what was written');
      } else if (piece !== skip) {
        await partial.write(at, expected);
        await partial.complete(piece);
      }
    }
    (await partial.publish()).close();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    await (discard ? partial.discard() : partial.close());
  }
}

/** Does the steps; resolves when each of them has ended, with all readers closed. */
async function play(
  store: BlobStore,
  disk: FailingDisk,
  steps: readonly Step[],
  tick: () => void,
): Promise<void> {
  const readers: { blob: StoredBlob; at: number }[] = [];
  const underWay: Promise<unknown>[] = [];
  const start = async (step: Step): Promise<void> => {
    const content = contents['blob' in step ? step.blob : 0];
    assert.ok(content !== undefined);
    switch (step.kind) {
      case 'open': {
        const blob = await store.open(content.digest);
        if (blob === undefined) return;
        readers.push({ blob, at: step.blob });
        assert.equal(await wrongBytes(blob, content.bytes), false, 'a blob is what was published');
        return;
      }
      case 'close':
        readers.findLast(({ at }) => at === step.blob)?.blob.close();
        return;
      case 'fill': {
        const partial = await store.openPartial(content.digest, content.bytes.length, 'contoso');
        if (partial !== undefined) await fill(partial, content.bytes, step.skip, step.discard);
        return;
      }
      case 'remove':
        await store.remove(content.digest).catch(() => {});
        return;
      case 'collect':
        await store.collect().catch(() => {});
        return;
      case 'break':
        disk.failure.code = step.code;
        return;
      case 'mend':
        disk.failure.code = undefined;
        tick();
        return;
      case 'settle':
        await Promise.all(underWay);
        return;
    }
  };
  for (const step of steps) {
    const ended = start(step);
    if (step.kind === 'settle') await ended;
    else underWay.push(ended);
  }
  await Promise.all(underWay);
  for (const { blob } of readers) blob.close();
}

t.test('any interleaving of readers, fills, removals and failures', async (t) => {
  const property = fc.asyncProperty(fc.array(stepOf, { minLength: 5, maxLength: 60 }), async (steps) => {
    const directory = await mkdtemp(join(tmpdir(), 'cache-interleavings-'));
    const disk = createFailingDisk();
    let now = 1;
    const tick = () => void (now += 100_000);
    const open = () =>
      openDiskStore({
        directory,
        maxBytes: CRASH_MAX_BYTES,
        minFreeBytes: 0,
        pieceBytes: CRASH_PIECE_BYTES,
        metrics: createMetrics(),
        log: pino({ level: 'silent' }),
        now: () => now,
        fs: disk.fs,
      });
    try {
      const store = await open();
      await play(store, disk, steps, tick);
      disk.failure.code = undefined;
      tick();
      // Everything is free again: all that the store may ever hold can be promised.
      const all = await store.openPartial(LARGEST, CRASH_MAX_BYTES, 'contoso');
      assert.ok(all, 'nothing is pinned or promised any more');
      await all.discard();
      await store.collect();
      const { bytes, entries, partials, partialBytes } = store.usage;
      assert.ok(bytes + partialBytes <= CRASH_MAX_BYTES);
      await store.close();
      assert.deepEqual(disk.openFiles(), []);

      const again = await open();
      assert.deepEqual(
        [again.usage.bytes, again.usage.entries, again.usage.partials],
        [bytes, entries, partials],
        'the books are what the disk has',
      );
      for (const { digest, bytes: expected } of contents) {
        const blob = await again.open(digest);
        if (blob !== undefined) assert.equal(await wrongBytes(blob, expected), false);
        blob?.close();
      }
      await again.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
  await holdsInTime(t, 'no file, pin or promise is left, and no byte is wrong', property, 60);
});
