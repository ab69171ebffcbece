import { readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';

import { storeLayout } from '../../src/cache/store-layout.ts';
import {
  CONTRACT_PIECE_BYTES,
  digestsOf,
  fillPieces,
  mustOpenPartial,
  publishContent,
  randomContent,
  randomContentOf,
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
      t.equal(await store.openPartial(content.digest, content.bytes.length, 'contoso'), undefined);
      t.same(await readStored(store, kept.digest), kept.bytes);
      now += 60_000;
      t.equal(
        await store.openPartial(content.digest, content.bytes.length, 'contoso'),
        undefined,
        'the probe fails',
      );
      t.equal(await metrics.cacheWriteFailures.value({ reason }), 1);
      t.equal(await metrics.cacheDegraded.value({ reason }), 1);
      t.equal(log.text.split('cache writes stop').length, 2, 'said once');

      disk.failure.code = undefined;
      t.equal(
        await store.openPartial(content.digest, content.bytes.length, 'contoso'),
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
  const beside = await openTestStore(t, { directory, fs: disk.fs });
  t.equal(beside.store.usage.entries, 1, 'by as many as like to read');
  await beside.store.close();
  t.same(await readStored(again, content.digest), content.bytes);
  t.equal(await again.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
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
  t.equal(
    await store.openPartial(contents[0]?.digest ?? randomContent(1).digest, 4000, 'contoso'),
    undefined,
  );
  disk.free.bytes = 20_000;
  now += 60_000;
  const partial = await store.openPartial(randomContent(1).digest, 1, 'contoso');
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

t.test(
  'a publish is on the disk itself before it has its name, and the name before it is told',
  async (t) => {
    const disk = createFailingDisk();
    const { store, directory } = await openTestStore(t, { fs: disk.fs });
    const layout = storeLayout(directory);
    for (const isFirst of [true, false]) {
      const content = randomContentOf('00', 100);
      const partial = await mustOpenPartial(store, content);
      await fillPieces(partial, content.bytes);
      disk.durable.length = 0;
      (await partial.publish()).close();
      const { data } = layout.partial(content.digest);
      const shard = dirname(layout.blob(content.digest));
      // Its directory, too, has its name on the disk before a name in it is told.
      const made = isFirst ? [`sync ${dirname(shard)}`] : [];
      t.same(disk.durable, [`sync ${data}`, ...made, `rename ${data}`, `sync ${shard}`]);
    }
  },
);

t.test('a piece of which a write failed is complete only when it is written again', async (t) => {
  const disk = createFailingDisk();
  const { store } = await openTestStore(t, { fs: disk.fs });
  const content = randomContent(CONTRACT_PIECE_BYTES);
  const partial = await mustOpenPartial(store, content);
  await partial.write(0, content.bytes.subarray(0, 1000));
  disk.failure.code = 'EIO';
  await t.rejects(partial.write(1000, content.bytes.subarray(1000)), { message: /EIO/ });
  disk.failure.code = undefined;
  await t.rejects(partial.complete(0), { message: 'a write of this piece has failed' });
  t.equal(await partial.has(0), false);
  await fillPieces(partial, content.bytes);
  (await partial.publish()).close();
  t.same(await readStored(store, content.digest), content.bytes);
});

t.test('what the disk does not remove is still there, and what was wrong is not continued', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const [kept, wrong, old] = [randomContent(10), randomContent(20), randomContent(30)];
  await publishContent(store, kept);
  for (const content of [wrong, old]) {
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes);
    if (content === old) {
      await partial.close();
      continue;
    }
    disk.failure.code = 'EIO';
    await partial.discard();
    disk.failure.code = undefined;
    now += 2000;
  }
  const before = store.usage;
  t.equal(before.partials, 2);
  disk.failure.code = 'EROFS';
  await t.rejects(store.remove(kept.digest), { code: 'EROFS' });
  now = 8 * 24 * 3600 * 1000;
  // One after the other: each ends at the first that stays.
  for (const _ of [wrong, old]) await t.rejects(store.collect(), { message: /EROFS/ });
  t.match(store.usage, { entries: 1, partials: 2, partialBytes: before.partialBytes });
  t.same(await readStored(store, kept.digest), kept.bytes);
  disk.failure.code = undefined;
  now += 100_000;
  for (const content of [wrong, old]) {
    const partial = await mustOpenPartial(store, content);
    t.equal(await partial.has(0), false);
    await partial.discard();
  }
});

t.test('a digest whose file is being removed is filled when it is gone', async (t) => {
  const disk = createFailingDisk();
  const { store, directory } = await openTestStore(t, { fs: disk.fs });
  const content = randomContent(10);
  await publishContent(store, content);
  const gate = Promise.withResolvers<void>();
  Object.assign(disk.hold, { path: storeLayout(directory).blob(content.digest), until: gate.promise });
  const removal = store.remove(content.digest);
  const order: string[] = [];
  const filled = store.openPartial(content.digest, 10, 'contoso').then((partial) => {
    order.push('filled');
    return partial;
  });
  // What needs not wait has its turn first, several times over.
  for (let count = 0; count < 3; count += 1) {
    await (await mustOpenPartial(store, randomContent(10))).discard();
  }
  order.push('released');
  gate.resolve();
  t.equal(await removal, 'removed');
  const partial = await filled;
  t.same(order, ['released', 'filled']);
  await partial?.discard();
});

t.test('a disk that others have filled is noticed before a fill begins', async (t) => {
  const disk = createFailingDisk();
  const { store } = await openTestStore(t, { fs: disk.fs, minFreeBytes: 1000 });
  disk.free.bytes = 999;
  t.equal(await store.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
  t.equal(store.usage.degraded, 'no_room');
});

t.test(
  'a blob whose file can not be looked at is closed: what the collector has to close ends the process',
  async (t) => {
    const disk = createFailingDisk();
    const { store } = await openTestStore(t, { fs: disk.fs });
    const content = randomContent(5000);
    await publishContent(store, content);
    const before = disk.openFiles();
    disk.failure.stat = 'ESTALE';
    t.equal(await store.open(content.digest), undefined);
    t.strictSame(disk.openFiles(), before);
    disk.failure.stat = undefined;
    t.same(await readStored(store, content.digest), content.bytes);
    t.strictSame(disk.openFiles(), before);
  },
);

t.test(
  'a partial does not wait for all that has to go: a disk that is busy with that does not hang',
  async (t) => {
    const disk = createFailingDisk();
    const maxBytes = 100_000;
    const { store, directory, reopen } = await openTestStore(t, { fs: disk.fs, maxBytes });
    const [old, kept] = [randomContent(50_000), randomContent(40_000)];
    await publishContent(store, old);
    await publishContent(store, kept);
    const removed = Promise.withResolvers<void>();
    disk.hold.path = storeLayout(directory).blob(old.digest);
    disk.hold.until = removed.promise;
    const smaller = await reopen({ maxBytes: 60_000, roomWaitMs: 1 });
    const content = randomContent(2000);
    t.equal(await smaller.openPartial(content.digest, 2000, 'contoso'), undefined);
    t.equal(smaller.usage.degraded, undefined);
    t.same(await readStored(smaller, kept.digest), kept.bytes);
    removed.resolve();
    await smaller.collect();
    const partial = await mustOpenPartial(smaller, content);
    await partial.close();
  },
);
