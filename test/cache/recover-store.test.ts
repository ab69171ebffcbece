import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { readCatalog } from '../../src/cache/catalog-file.ts';
import { PIECE_HEADER_BYTES, PIECE_RECORD_BYTES } from '../../src/cache/piece-index.ts';
import { DISK, type StoreFs } from '../../src/cache/store-fs.ts';
import { storeLayout } from '../../src/cache/store-layout.ts';
import { entriesOf } from '../support/blob-table.ts';
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

const NEVER = new AbortController().signal;

/** Changes one byte of a file, and neither its length nor the rest. */
function flipByte(path: string, at: number): void {
  const [before = 0] = readFileSync(path).subarray(at);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from([before ^ 0xff]), 0, 1, at);
  closeSync(file);
}

t.test(
  'the last use survives a restart; without the catalog the files still tell what is there',
  async (t) => {
    let now = 1_000_000;
    const { store, directory, reopen } = await openTestStore(t, { now: () => (now += 1000) });
    const contents = [randomContent(10), randomContent(20), randomContent(30)];
    for (const content of contents) await publishContent(store, content);
    await readStored(store, contents[0]?.digest ?? randomContent(1).digest);
    const order = async (of: typeof store) => {
      const digests: string[] = [];
      for await (const { digest } of of.list()) digests.push(digest);
      return digests;
    };
    const before = await order(store);
    t.equal(before.at(-1), contents[0]?.digest);
    const again = await reopen();
    t.same(await order(again), before);

    const { catalog } = storeLayout(directory);
    for (const damage of [
      () => rmSync(catalog),
      () => writeFileSync(catalog, 'no catalog'),
      () => truncateSync(catalog, statSync(catalog).size - 30),
      () => flipByte(catalog, 100),
    ]) {
      await (await reopen()).close();
      damage();
      const rebuilt = await reopen();
      t.same(await digestsOf(rebuilt), before.toSorted());
      t.equal(rebuilt.usage.bytes, 60);
      // So that the next close writes it again.
      await readStored(rebuilt, contents[1]?.digest ?? randomContent(1).digest);
    }
  },
);

t.test('what was half done is undone, and what is nobody’s goes', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const layout = storeLayout(directory);
  const content = randomContent(CONTRACT_PIECE_BYTES * 2);
  const whole = randomContent(100);
  await publishContent(store, whole);
  const first = randomContent(99);
  await publishContent(store, first);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes, [0]);
  await store.close();

  const lonely = layout.partial(randomContent(1).digest);
  writeFileSync(lonely.data, 'no pieces');
  const other = layout.partial(randomContent(1).digest);
  writeFileSync(other.pieces, 'no data');
  // A spool of what was published meanwhile, by hand or by another version.
  const published = layout.partial(first.digest);
  writeFileSync(published.data, 'left');
  writeFileSync(published.pieces, 'left');
  // Published, and killed before the pieces were taken away.
  writeFileSync(layout.partial(whole.digest).pieces, 'left');
  writeFileSync(`${layout.catalog}.tmp`, 'half');
  const stray = layout.blob(whole.digest).slice(0, -1);
  writeFileSync(stray, 'no digest');
  mkdirSync(join(layout.blobs('sha256'), 'zz'), { recursive: true });

  const again = await reopen();
  t.same(await digestsOf(again), [whole.digest, first.digest].toSorted());
  t.match(again.usage, { entries: 2, partials: 1 });
  for (const path of [
    lonely.data,
    other.pieces,
    layout.partial(whole.digest).pieces,
    `${layout.catalog}.tmp`,
    stray,
    published.data,
    published.pieces,
  ]) {
    t.throws(() => statSync(path), { code: 'ENOENT' }, path.slice(directory.length));
  }
  t.equal(await (await mustOpenPartial(again, content)).has(0), true);
});

t.test('what somebody takes away while it is looked at refuses no start', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const layout = storeLayout(directory);
  const contents = [randomContentOf('00', 10), randomContentOf('01', 20), randomContentOf('02', 30)] as const;
  for (const content of contents) await publishContent(store, content);
  const [blob, shard, kept] = contents;
  const partial = await mustOpenPartial(store, randomContent(CONTRACT_PIECE_BYTES * 2));
  await partial.close();
  const paths = layout.partial(partial.digest);
  await store.close();

  const gone = [layout.blob(blob.digest), dirname(layout.blob(shard.digest)), paths.data];
  const list: typeof DISK.list = async (path) => {
    const names = await DISK.list(path);
    for (const of of gone) if (dirname(of) === path) rmSync(of, { recursive: true });
    return names;
  };
  rmSync(layout.catalog);
  const again = await reopen({ fs: { ...DISK, list } });
  t.same(await digestsOf(again), [kept.digest]);
  t.match(again.usage, { entries: 1, bytes: 30, partials: 0 });
  t.notOk(existsSync(paths.pieces));
});

t.test('a piece that is not what was written is not there', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const layout = storeLayout(directory);
  const content = randomContent(CONTRACT_PIECE_BYTES * 4);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  await store.close();
  const { data, pieces } = layout.partial(content.digest);
  flipByte(data, CONTRACT_PIECE_BYTES + 7);
  // The record of piece 2, torn.
  flipByte(pieces, PIECE_HEADER_BYTES + 2 * PIECE_RECORD_BYTES + 9);
  // And one of which only a part was written.
  writeFileSync(pieces, Buffer.concat([readFileSync(pieces), Buffer.from([0, 0])]));
  const again = await mustOpenPartial(await reopen(), content);
  t.same(await Promise.all([0, 1, 2, 3, 1].map((piece) => again.has(piece))), [
    true,
    false,
    false,
    true,
    false,
  ]);
  await fillPieces(again, content.bytes, [1, 2]);
  await again.close();
  const last = await mustOpenPartial(await reopen(), content);
  t.same(await Promise.all([0, 1, 2, 3].map((piece) => last.has(piece))), [true, true, true, true]);
});

t.test('an index that can not be read is begun anew', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const content = randomContent(CONTRACT_PIECE_BYTES);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  await store.close();
  flipByte(storeLayout(directory).partial(content.digest).pieces, 9);
  const again = await mustOpenPartial(await reopen(), content);
  t.equal(await again.has(0), false);
});

t.test(
  'a published blob that is damaged is removed: by its length when it is opened, by its digest in a verify',
  async (t) => {
    const { store, directory, metrics, log } = await openTestStore(t);
    const layout = storeLayout(directory);
    const contents = [randomContent(3000), randomContent(3000), randomContent(3000)] as const;
    for (const content of contents) await publishContent(store, content);
    truncateSync(layout.blob(contents[0].digest), 2999);
    flipByte(layout.blob(contents[1].digest), 1500);
    t.equal(await store.open(contents[0].digest), undefined);
    t.equal(await store.verify(contents[1].digest, NEVER), 'removed');
    t.equal(await store.verify(contents[2].digest, NEVER), 'ok');
    await t.rejects(store.verify(contents[2].digest, AbortSignal.abort()), { name: 'AbortError' });
    t.same(await digestsOf(store), [contents[2].digest]);
    t.equal(await metrics.cacheEvictions.value({ reason: 'damaged' }), 2);
    t.match(log.text, 'wrong length');
    t.match(log.text, 'is damaged');
  },
);

t.test('the directory is for its user alone', async (t) => {
  const { store, directory } = await openTestStore(t);
  await publishContent(store, randomContent(1));
  const layout = storeLayout(directory);
  for (const path of [layout.root, layout.blobs('sha256'), layout.partials('sha256')]) {
    t.equal(statSync(path).mode & 0o777, 0o700, path.slice(directory.length));
  }
});

t.test('partials that nobody continued go after a week', async (t) => {
  let now = Date.now();
  const { store } = await openTestStore(t, { now: () => now });
  const content = randomContent(CONTRACT_PIECE_BYTES);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  await partial.close();
  t.equal(await store.collect(), 0);
  now += 8 * 24 * 3600 * 1000;
  t.equal(await store.collect(), CONTRACT_PIECE_BYTES);
  t.equal(store.usage.partials, 0);
});

t.test('files that the catalog does not know have their place by their age', async (t) => {
  const { store, directory, reopen } = await openTestStore(t, { now: () => 2_000_000 });
  const contents = [randomContent(10), randomContent(20), randomContent(30), randomContent(40)];
  for (const content of contents) await publishContent(store, content);
  await store.close();
  const layout = storeLayout(directory);
  rmSync(layout.catalog);
  for (const [at, { digest }] of contents.entries())
    utimesSync(layout.blob(digest), 0, [3, 1, 4, 2][at] ?? 0);
  const listed: number[] = [];
  for await (const { bytes } of (await reopen()).list()) listed.push(bytes);
  t.same(listed, [20, 40, 10, 30]);
});

t.test('a file from before 1970 makes no catalog that can not be read', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const content = randomContent(10);
  await publishContent(store, content);
  await store.close();
  const layout = storeLayout(directory);
  rmSync(layout.catalog);
  const before = new Date(-100_000);
  utimesSync(layout.blob(content.digest), before, before);
  await (await reopen()).close();
  t.match(entriesOf(await readCatalog(DISK, layout.catalog)), [{ digest: content.digest, publishedAt: 0 }]);
});

t.test(
  'what the catalog knows is not looked at: a start costs a look and a listing for a directory',
  async (t) => {
    const { store, reopen } = await openTestStore(t);
    const contents = Array.from({ length: 20 }, () => randomContent(10));
    for (const content of contents) await publishContent(store, content);
    const shards = new Set(contents.map(({ digest }) => digest.slice('sha256:'.length).slice(0, 2)));
    const calls = { blobs: 0, directories: 0, list: 0 };
    const counting: StoreFs = {
      ...DISK,
      stat(path) {
        if (/\/blobs\/sha256\/[^/]+$/.test(path)) calls.directories += 1;
        else if (path.includes('/blobs/')) calls.blobs += 1;
        return DISK.stat(path);
      },
      list(path) {
        if (path.includes('/blobs/sha256/')) calls.list += 1;
        return DISK.list(path);
      },
    };
    await reopen({ fs: counting });
    t.same(calls, { blobs: 0, directories: shards.size, list: shards.size });
  },
);

t.test('files and catalog differ: both ways, the files are right', async (t) => {
  const { store, directory, reopen } = await openTestStore(t, { now: () => 2_000_000 });
  const [gone, kept, misplaced] = [randomContent(10), randomContent(20), randomContent(30)];
  for (const content of [gone, kept, misplaced]) await publishContent(store, content);
  await store.close();
  const layout = storeLayout(directory);
  const saved = readFileSync(layout.catalog);
  const again = await reopen();
  const [older, newer] = [randomContent(40), randomContent(50)];
  for (const content of [older, newer]) await publishContent(again, content);
  await again.close();
  writeFileSync(layout.catalog, saved);
  utimesSync(layout.blob(older.digest), 0, 1);
  utimesSync(layout.blob(newer.digest), 0, 3000);
  rmSync(layout.blob(gone.digest));
  const elsewhere = join(layout.blobs('sha256'), misplaced.digest.startsWith('sha256:00') ? '01' : '00');
  mkdirSync(elsewhere, { recursive: true });
  renameSync(layout.blob(misplaced.digest), join(elsewhere, misplaced.digest.slice('sha256:'.length)));
  const last = await reopen();
  const listed: number[] = [];
  for await (const { bytes } of last.list()) listed.push(bytes);
  t.same(listed, [40, 20, 50]);
  t.match(last.usage, { entries: 3, bytes: 110 });
});
