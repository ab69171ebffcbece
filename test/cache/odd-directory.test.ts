import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { readCatalog, writeCatalog } from '../../src/cache/catalog-file.ts';
import { createStoreCatalog } from '../../src/cache/store-catalog.ts';
import { DISK } from '../../src/cache/store-fs.ts';
import { storeLayout } from '../../src/cache/store-layout.ts';
import {
  CONTRACT_PIECE_BYTES,
  digestsOf,
  mustOpenPartial,
  publishContent,
  randomContent,
  readStored,
} from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';
import { createFailingDisk } from '../support/failing-disk.ts';
import { testDirectory } from '../support/test-directory.ts';

const NEVER = new AbortController().signal;

t.test('what is no file of the store is no blob of it, and refuses no start', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const layout = storeLayout(directory);
  const kept = randomContent(100);
  await publishContent(store, kept);
  await store.close();

  const secret = join(dirname(directory), 'secret');
  writeFileSync(secret, 'of somebody else');
  const place = (path: string) => {
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  const [linked, dangling, folder, spool] = [1, 2, 3, 4].map(randomContent) as [
    ReturnType<typeof randomContent>,
    ReturnType<typeof randomContent>,
    ReturnType<typeof randomContent>,
    ReturnType<typeof randomContent>,
  ];
  symlinkSync(secret, place(layout.blob(linked.digest)));
  symlinkSync(join(directory, 'nothing'), place(layout.blob(dangling.digest)));
  mkdirSync(place(layout.blob(folder.digest)));
  symlinkSync(secret, place(layout.partial(spool.digest).data));
  symlinkSync(secret, place(layout.partial(spool.digest).pieces));
  writeFileSync(join(layout.blobs('sha256'), 'zz'), 'not a shard');
  symlinkSync(dirname(secret), join(layout.blobs('sha512'), 'ab'));
  // Names that are no UTF-8 are listed as ones that are not there.
  const parents = [dirname(layout.blob(kept.digest)), layout.blobs('sha256'), layout.partials('sha256')];
  const unreadable = parents.map((parent) =>
    Buffer.concat([Buffer.from(join(parent, 'f')), Buffer.of(0xff)]),
  );
  for (const path of unreadable) writeFileSync(path, '');

  const again = await reopen();
  t.same(await digestsOf(again), [kept.digest]);
  t.equal(again.usage.partials, 0);
  t.same(await readStored(again, kept.digest), kept.bytes);
  // What removes the directory of this test can not.
  for (const path of unreadable) unlinkSync(path);
});

t.test('a blob that the catalog names twice is one', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const content = randomContent(100);
  await publishContent(store, content);
  await store.close();
  const entry = { digest: content.digest, bytes: 100, publishedAt: 1, lastUsedAt: 1 };
  await writeCatalog(DISK, storeLayout(directory).catalog, [entry, { ...entry, lastUsedAt: 2 }]);
  const again = await reopen();
  t.match(again.usage, { bytes: 100, entries: 1 });
});

t.test('a catalog that is used while it is written names each blob once', async (t) => {
  const path = join(testDirectory(t), 'catalog');
  const catalog = createStoreCatalog();
  for (let index = 0; index < 15_000; index += 1) {
    catalog.add({
      digest: randomContent(index < 10_000 ? 6 : 32).digest,
      bytes: 1,
      publishedAt: 1,
      lastUsedAt: 1,
    });
  }
  const count = catalog.size;
  const digests = Array.from(catalog.oldestFirst(), ({ digest }) => digest);
  let used = 0;
  const open: typeof DISK.open = async (...args) => {
    const file = await DISK.open(...args);
    const write = file.write.bind(file);
    const useThenWrite = async (...data: Parameters<typeof write>) => {
      const digest = digests[(used += 1) % 100];
      if (digest !== undefined) catalog.use(digest, 2);
      return write(...data);
    };
    return Object.assign(file, { write: useThenWrite });
  };
  await writeCatalog({ ...DISK, open }, path, catalog.oldestFirst());
  const read = await readCatalog(DISK, path);
  t.ok(used > 1);
  t.equal(read?.size, count);
});

t.test('a clock that goes back stops neither the recovery of the disk nor the catalog', async (t) => {
  const disk = createFailingDisk();
  let now = 10_000_000;
  const { store } = await openTestStore(t, { fs: disk.fs, now: () => now });
  disk.failure.code = 'EIO';
  t.equal(await store.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
  t.equal(store.usage.degraded, 'io_error');
  disk.failure.code = undefined;
  now = 5000;
  await publishContent(store, randomContent(10));
  t.equal(store.usage.degraded, undefined);
});

t.test('a directory that was taken away is begun anew, and is this process’s alone again', async (t) => {
  const { store, directory, metrics, log } = await openTestStore(t, { minFreeBytes: 1 });
  const content = randomContent(CONTRACT_PIECE_BYTES);
  await publishContent(store, content);
  rmSync(join(directory, 'v1'), { recursive: true });
  await publishContent(store, randomContent(20));
  await publishContent(store, randomContent(21));
  t.equal(await store.open(content.digest), undefined);
  t.equal(store.usage.entries, 2);
  t.match(log.text, /taken away/);
  t.equal(store.usage.degraded, undefined);
  await t.rejects(openTestStore(t, { directory }), { code: 'store_in_use' });

  // Somebody else was faster: what is there now is not this process's to write.
  renameSync(join(directory, 'v1'), join(directory, 'elsewhere'));
  const other = await openTestStore(t, { directory });
  t.equal(await store.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
  t.equal(store.usage.degraded, 'io_error');
  t.match(log.text, /in use by another process/);
  await publishContent(other.store, randomContent(30));
  t.equal(other.store.usage.entries, 1);
  t.equal(await metrics.cacheWriteFailures.value({ reason: 'io_error' }), 1);
});

t.test('many that find the directory taken away at once are not in the way of each other', async (t) => {
  const { store, directory, log } = await openTestStore(t);
  rmSync(join(directory, 'v1'), { recursive: true });
  await Promise.all([10, 20, 30, 40].map((length) => publishContent(store, randomContent(length))));
  t.match(store.usage, { entries: 4, degraded: undefined });
  t.equal(log.text.split('taken away').length, 2, 'said once');
  await t.rejects(openTestStore(t, { directory }), { code: 'store_in_use' });
});

t.test('a blob that was cut is damaged, whoever finds it', async (t) => {
  const { store, directory, metrics } = await openTestStore(t);
  const layout = storeLayout(directory);
  const [first, second] = [randomContent(1000), randomContent(1000)];
  await publishContent(store, first);
  await publishContent(store, second);
  truncateSync(layout.blob(first.digest), 10);
  t.equal(await store.verify(first.digest, NEVER), 'removed');
  t.equal(await store.verify(first.digest, NEVER), 'absent');

  const reader = await store.open(second.digest);
  truncateSync(layout.blob(second.digest), 10);
  t.equal(await reader?.read(500, Buffer.alloc(100)), 0);
  reader?.close();
  t.equal(await store.open(second.digest), undefined, 'and is fetched again');
  await publishContent(store, second);
  t.same(await readStored(store, second.digest), second.bytes);
  t.equal(await metrics.cacheEvictions.value({ reason: 'damaged' }), 2);
});

t.test('a link in place of a known blob is damaged, and not followed', async (t) => {
  const { store, directory, metrics, reopen } = await openTestStore(t);
  const layout = storeLayout(directory);
  const linked = randomContent(1000);
  await publishContent(store, linked);
  await store.close();
  const other = join(dirname(directory), 'as-long');
  writeFileSync(other, randomContent(1000).bytes);
  rmSync(layout.blob(linked.digest));
  symlinkSync(other, layout.blob(linked.digest));

  const again = await reopen();
  t.equal(await readStored(again, linked.digest), undefined);
  await publishContent(again, linked);
  t.same(await readStored(again, linked.digest), linked.bytes);
  t.equal(readFileSync(other).length, 1000);
  t.equal(await metrics.cacheEvictions.value({ reason: 'damaged' }), 1);
});

t.test('a blob that can not be read is fetched again', async (t) => {
  const disk = createFailingDisk();
  const { store, metrics } = await openTestStore(t, { fs: disk.fs });
  const content = randomContent(1000);
  await publishContent(store, content);
  const reader = await store.open(content.digest);
  disk.failure.read = 'EIO';
  if (reader === undefined) throw new Error('it was published');
  await t.rejects(reader.read(0, Buffer.alloc(10)), { code: 'EIO' });
  reader.close();
  disk.failure.read = undefined;
  t.equal(await store.open(content.digest), undefined);
  await publishContent(store, content);
  t.same(await readStored(store, content.digest), content.bytes);
  t.equal(await metrics.cacheEvictions.value({ reason: 'damaged' }), 1);
});

t.test('a blob that can not be opened is not said to be absent', async (t) => {
  const disk = createFailingDisk();
  const { store } = await openTestStore(t, { fs: disk.fs });
  const content = randomContent(1000);
  await publishContent(store, content);
  disk.failure.open = 'EMFILE';
  await t.rejects(store.verify(content.digest, NEVER), { code: 'EMFILE' });
  t.equal(await store.open(content.digest), undefined);
  disk.failure.open = undefined;
  t.same(await readStored(store, content.digest), content.bytes, 'it is still there');
});

t.test('a directory that can not be listed refuses the start, and says why', async (t) => {
  const { fs } = createFailingDisk();
  const denied = Object.assign(new Error('permission denied'), { code: 'EACCES' });
  const directory = join(testDirectory(t), 'cache');
  await t.rejects(
    openTestStore(t, { directory, fs: Object.assign(fs, { list: () => Promise.reject(denied) }) }),
    { code: 'store_unusable', message: /EACCES.*its owner and its mode/ },
  );
  await openTestStore(t, { directory });
});

t.test('a disk that stays full has the least recently used go', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store, metrics } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const [old, read] = [randomContent(4000), randomContent(4000)];
  await publishContent(store, old);
  await publishContent(store, read);
  const reader = await store.open(read.digest);
  for (const [evicted, wait] of [
    [0, 1000],
    [0, 2000],
    [1, 1],
  ] as const) {
    const partial = await mustOpenPartial(store, randomContent(10));
    t.equal((await metrics.cacheEvictions.value({ reason: 'free_space' })) > 0, evicted > 0);
    disk.failure.code = 'ENOSPC';
    await t.rejects(partial.write(0, Buffer.alloc(10)));
    t.equal(store.usage.degraded, 'no_room');
    disk.failure.code = undefined;
    await partial.discard();
    now += wait;
  }
  t.equal(await store.open(old.digest), undefined);
  reader?.close();
  t.same(await readStored(store, read.digest), read.bytes, 'but what is in use');
});

t.test('a disk that fails again at once is tried ever more seldom', async (t) => {
  const disk = createFailingDisk();
  let now = 10_000_000;
  const { store } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const content = randomContent(100);
  /** Milliseconds until it is tried again. */
  const failOnce = async (): Promise<number> => {
    const partial = await mustOpenPartial(store, content);
    disk.failure.code = 'ENOSPC';
    await t.rejects(partial.write(0, content.bytes));
    disk.failure.code = undefined;
    await partial.close();
    const failedAt = now;
    for (;;) {
      now += 500;
      const again = await store.openPartial(content.digest, 100, 'contoso');
      await again?.close();
      if (again !== undefined) return now - failedAt;
    }
  };
  t.same([await failOnce(), await failOnce(), await failOnce()], [1000, 2000, 4000]);
  now += 60_000;
  t.equal(await failOnce(), 1000, 'once it has been well for a while');
});
