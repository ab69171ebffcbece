import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import {
  CONTRACT_PIECE_BYTES,
  digestsOf,
  fillPieces,
  mustOpenPartial,
  publishContent,
  randomContent,
  readStored,
} from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';
import { createFailingDisk } from '../support/failing-disk.ts';

const REASONS = {
  ENOSPC: 'no_room',
  EDQUOT: 'no_room',
  EROFS: 'read_only',
  EACCES: 'read_only',
  EIO: 'io_error',
} as const;

for (const [code, reason] of Object.entries(REASONS)) {
  t.test(
    `${code}: nothing more is written, what is there is served, and it recovers by itself`,
    async (t) => {
      const disk = createFailingDisk();
      let now = 1000;
      const { store, metrics, log } = await openTestStore(t, { fs: disk.fs, now: () => now });
      const kept = randomContent(5000);
      await publishContent(store, kept);
      const content = randomContent(CONTRACT_PIECE_BYTES * 2);
      const partial = await mustOpenPartial(store, content);
      await fillPieces(partial, content.bytes, [0]);

      disk.failure.code = code;
      await t.rejects(partial.write(CONTRACT_PIECE_BYTES, content.bytes.subarray(0, 10)), {
        message: RegExp(code),
      });
      t.equal(store.usage.degraded, reason);
      await partial.close();
      t.equal(await store.openPartial(content.digest, content.bytes.length), undefined);
      t.same(await readStored(store, kept.digest), kept.bytes);
      now += 60_000;
      t.equal(await store.openPartial(content.digest, content.bytes.length), undefined, 'the probe fails');
      t.equal(await metrics.cacheWriteFailures.value({ reason }), 1);
      t.equal(await metrics.cacheDegraded.value({ reason }), 1);
      t.equal(log.text.split('cache writes stop').length, 2, 'said once');

      disk.failure.code = undefined;
      t.equal(
        await store.openPartial(content.digest, content.bytes.length),
        undefined,
        'not probed at each request',
      );
      now += 120_000;
      const again = await mustOpenPartial(store, content);
      t.equal(await again.has(0), true, 'what was there before is used');
      t.equal(await again.has(1), false);
      await fillPieces(again, content.bytes, [1]);
      (await again.publish()).close();
      t.same(await readStored(store, content.digest), content.bytes);
      t.equal(store.usage.degraded, undefined);
      t.equal(await metrics.cacheDegraded.value({ reason }), 0);
      t.match(log.text, 'cache writes work again');
    },
  );
}

t.test('a disk that can only be read at the start is served, and written once it can be', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store, reopen, directory } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const content = randomContent(5000);
  await publishContent(store, content);
  await store.close();
  disk.failure.code = 'EROFS';
  const again = await reopen();
  t.equal(again.usage.degraded, 'read_only');
  t.same(await readStored(again, content.digest), content.bytes);
  t.equal(await again.openPartial(randomContent(1).digest, 1), undefined);
  disk.failure.code = undefined;
  now += 60_000;
  await publishContent(again, randomContent(10));
  t.equal(again.usage.degraded, undefined);
  await t.rejects(openTestStore(t, { directory }), { code: 'store_in_use' }, 'it is locked from then on');
});

t.test('a disk that fails at publish keeps the pieces', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const content = randomContent(CONTRACT_PIECE_BYTES + 1);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  disk.failure.code = 'EIO';
  await t.rejects(partial.publish(), { message: /EIO/ });
  await partial.close();
  t.equal(await store.open(content.digest), undefined);
  disk.failure.code = undefined;
  now = 100_000;
  const again = await mustOpenPartial(store, content);
  (await again.publish()).close();
  t.same(await readStored(store, content.digest), content.bytes);
});

t.test('the minimum of free space is kept by evicting, and by taking nothing more', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store, metrics } = await openTestStore(t, { fs: disk.fs, minFreeBytes: 10_000, now: () => now });
  const contents = [randomContent(4000), randomContent(4000), randomContent(4000)];
  for (const content of contents) await publishContent(store, content);
  // Each blob that goes makes 4000 bytes.
  const real = disk.fs.unlink;
  Object.assign(disk.fs, {
    unlink: async (path: string) => {
      await real(path);
      disk.free.bytes += 4000;
    },
  });
  disk.free.bytes = 5000;
  t.equal(await store.collect(), 8000);
  t.same(await digestsOf(store), [contents[2]?.digest]);
  t.equal(await metrics.cacheEvictions.value({ reason: 'free_space' }), 2);

  disk.free.bytes = -100_000;
  await t.rejects(store.collect(), { message: /minimum of free space/ });
  t.equal(store.usage.degraded, 'no_room');
  t.equal(await store.openPartial(contents[0]?.digest ?? randomContent(1).digest, 4000), undefined);
  disk.free.bytes = 20_000;
  now += 60_000;
  const partial = await store.openPartial(randomContent(1).digest, 1);
  t.ok(partial);
  await partial?.discard();
});

t.test('files that somebody took away', async (t) => {
  const { store, directory, metrics } = await openTestStore(t);
  const content = randomContent(CONTRACT_PIECE_BYTES * 2);
  await publishContent(store, content);
  rmSync(join(directory, 'v1/blobs'), { recursive: true });
  t.equal(await store.open(content.digest), undefined, 'a published one is missed');
  t.equal(store.usage.entries, 0);

  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes, [0]);
  rmSync(partial.path);
  await fillPieces(partial, content.bytes, [1]);
  const read = Buffer.alloc(content.bytes.length);
  await partial.read(0, read);
  t.same(read, content.bytes, 'who has it open does not notice');
  await t.rejects(partial.publish(), { message: /ENOENT/ });
  t.equal(store.usage.degraded, undefined, 'that says nothing about the disk');
  t.equal(await metrics.cacheWriteFailures.value({ reason: 'gone' }), 1);
  await partial.close();

  await publishContent(store, content);
  t.same(await readStored(store, content.digest), content.bytes, 'and it is filled again');

  renameSync(join(directory, 'v1'), join(directory, 'elsewhere'));
  t.equal(await store.open(content.digest), undefined);
  await publishContent(store, content);
  t.same(await readStored(store, content.digest), content.bytes, 'even where everything was taken away');
  t.same(readdirSync(join(directory, 'v1/partial/sha256')), []);
});
