import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PIECE_HEADER_BYTES, PIECE_RECORD_BYTES } from '../../src/cache/piece-index.ts';
import { DISK, type FileHandle, type StoreFs } from '../../src/cache/store-fs.ts';
import { storeLayout } from '../../src/cache/store-layout.ts';
import {
  CONTRACT_PIECE_BYTES,
  contentOf,
  fillPieces,
  mustOpenPartial,
  publishContent,
  randomContent,
  randomContentOf,
  readStored,
} from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';
import { createFailingDisk } from '../support/failing-disk.ts';

/** The disk, and what is asked of it: each is a turn of one of the few threads for files. */
function createCountedDisk(): { fs: StoreFs; asked: string[] } {
  const asked: string[] = [];
  const counted = (file: FileHandle): FileHandle =>
    new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          asked.push(String(name));
          return Reflect.apply(value, target, args);
        };
      },
    });
  const fs: StoreFs = {
    ...DISK,
    async open(...args) {
      asked.push('open');
      return counted(await DISK.open(...args));
    },
    mkdir(...args) {
      asked.push('mkdir');
      return DISK.mkdir(...args);
    },
    rename(...args) {
      asked.push('rename');
      return DISK.rename(...args);
    },
    unlink(path) {
      asked.push('unlink');
      return DISK.unlink(path);
    },
  };
  return { fs, asked };
}

t.test('what a blob asks of the disk', async (t) => {
  const { fs, asked } = createCountedDisk();
  const { store } = await openTestStore(t, { fs });
  // The first one makes the directory of all three.
  const first = randomContentOf('00', 5);
  const one = randomContentOf('00', CONTRACT_PIECE_BYTES);
  const two = randomContentOf('00', CONTRACT_PIECE_BYTES * 2);
  await publishContent(store, first);
  const publish = ['datasync', 'rename', 'open', 'sync', 'close'];

  asked.length = 0;
  await publishContent(store, one);
  t.same(asked, [['open', 'write', 'write'], publish, 'close'].flat(), 'of one piece');

  asked.length = 0;
  await publishContent(store, two);
  // Header, both pieces in halves, and a record for each.
  const writes = Array.from({ length: 7 }, () => 'write');
  t.same(
    asked,
    [['open', 'truncate', 'open'], writes, publish, 'close', 'unlink', 'close'].flat(),
    'of two pieces: the pieces have a file of their own, and a record each',
  );
});

t.test('a blob of one piece is left for a later fill where the piece is complete', async (t) => {
  const { store, directory, reopen } = await openTestStore(t);
  const content = randomContent(CONTRACT_PIECE_BYTES);
  const { data, pieces } = storeLayout(directory).partial(content.digest);

  const begun = await mustOpenPartial(store, content);
  await begun.write(0, content.bytes.subarray(0, 100));
  t.ok(existsSync(data));
  await begun.close();
  t.notOk(existsSync(data), 'half a piece is of no use');
  t.match(store.usage, { partials: 0, partialBytes: 0 });

  const whole = await mustOpenPartial(store, content);
  await fillPieces(whole, content.bytes);
  t.notOk(existsSync(pieces), 'mostly it is published at once');
  await whole.close();
  t.equal(readFileSync(pieces).length, PIECE_HEADER_BYTES + PIECE_RECORD_BYTES);
  t.match(store.usage, { partials: 1, partialBytes: CONTRACT_PIECE_BYTES });

  const again = await mustOpenPartial(await reopen(), content);
  t.equal(await again.has(0), true);
  (await again.publish()).close();
  t.same(readdirSync(join(directory, 'v1/partial/sha256')), []);
});

t.test('one that can not be left is begun anew', async (t) => {
  const disk = createFailingDisk();
  let now = 0;
  const { store, directory } = await openTestStore(t, { fs: disk.fs, now: () => now });
  const content = randomContent(CONTRACT_PIECE_BYTES);
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  disk.failure.code = 'ENOSPC';
  await partial.close();
  t.equal(store.usage.degraded, 'no_room');
  t.same(disk.openFiles(), []);
  disk.failure.code = undefined;
  now += 60_000;
  const again = await mustOpenPartial(store, content);
  t.equal(await again.has(0), false);
  await fillPieces(again, content.bytes);
  (await again.publish()).close();
  t.same(await readStored(store, content.digest), content.bytes);
  t.same(readdirSync(join(directory, 'v1/partial/sha256')), []);
});

for (const length of [CONTRACT_PIECE_BYTES, CONTRACT_PIECE_BYTES * 2]) {
  t.test(`files of that name, which nobody knows, are in the way of no fill: ${length} bytes`, async (t) => {
    const { store, directory } = await openTestStore(t);
    for (const stale of [['data'], ['pieces'], ['data', 'pieces']] as const) {
      const content = contentOf(Buffer.alloc(length, stale.join()));
      const paths = storeLayout(directory).partial(content.digest);
      for (const file of stale) writeFileSync(paths[file], 'somebody else’s');
      const partial = await mustOpenPartial(store, content);
      t.equal(await partial.has(0), false);
      await fillPieces(partial, content.bytes);
      (await partial.publish()).close();
      t.same(await readStored(store, content.digest), content.bytes, stale.join(' and '));
      t.notOk(existsSync(paths.data));
    }
  });
}
