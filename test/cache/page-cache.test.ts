import assert from 'node:assert/strict';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { openPageCache, type PageCache } from '../../src/cache/page-cache.ts';
import { DISK_AT_ONCE } from '../../src/cache/store-fs.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { testDirectory } from '../support/test-directory.ts';

const SIZE = 1_000_003;
const TMPFS_MAGIC = 0x01021994;
const bytes = pseudoRandomBytes('page cache', SIZE);

async function openFile(t: Test, content = bytes): Promise<FileHandle> {
  const file = await open(join(testDirectory(t), 'file'), 'w+');
  t.teardown(() => file.close());
  await file.write(content);
  return file;
}

/** Undefined, and nothing to be tested, where this system is not one that it is for. */
async function openHere(t: Test): Promise<PageCache | undefined> {
  const opened = await openPageCache();
  if (opened.kind === 'open') return opened.pageCache;
  t.match(opened.reason, /Linux|processor|Node|node:ffi/);
  return undefined;
}

t.test('what is in memory is read as the file has it, to the byte and no further', async (t) => {
  const pageCache = await openHere(t);
  if (pageCache === undefined) return;
  const file = await openFile(t);
  // A tmpfs holds the same, and says that it can not be asked so.
  const isDisk = (await DISK_AT_ONCE.fileSystemType(`/proc/self/fd/${file.fd}`)) !== TMPFS_MAGIC;
  const whole = Buffer.alloc(SIZE);
  await file.read(whole, 0, SIZE, 0);
  t.equal(pageCache.holds(file.fd, 0, SIZE), true);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: SIZE + 10_000 }),
      fc.integer({ min: 1, max: 300_000 }),
      fc.integer({ min: 0, max: 64 }),
      (position, length, offset) => {
        const around = Buffer.alloc(offset + length + 64, 0xa5);
        const target = around.subarray(offset, offset + length);
        const expected = isDisk ? Math.max(0, Math.min(length, SIZE - position)) : 0;
        assert.equal(pageCache.read(file.fd, target, position), expected);
        assert.ok(target.subarray(0, expected).equals(bytes.subarray(position, position + expected)));
        for (const untouched of [around.subarray(0, offset), around.subarray(offset + expected)]) {
          assert.ok(untouched.every((byte) => byte === 0xa5));
        }
      },
    ),
    { numRuns: 300 },
  );
});

t.test('what nobody has read or written is not in memory', async (t) => {
  const pageCache = await openHere(t);
  if (pageCache === undefined) return;
  const file = await openFile(t);
  await file.truncate(SIZE * 2);
  t.equal(pageCache.holds(file.fd, SIZE + 100_000, 4096), false);
  t.equal(pageCache.holds(file.fd, SIZE - 4096, 100_000), false, 'nor a part');
  t.equal(pageCache.holds(file.fd, SIZE * 4, 1), false, 'nor what is behind the end');
});

t.test('pages are counted, not bytes: a range that begins and ends within pages', async (t) => {
  const pageCache = await openHere(t);
  if (pageCache === undefined) return;
  // 64 KiB: whole pages on each kernel.
  const page = 64 * 1024;
  const file = await openFile(t, Buffer.alloc(2 * page, 1));
  await file.truncate(4 * page);
  t.equal(pageCache.holds(file.fd, page - 1, page + 1), true);
  t.equal(
    pageCache.holds(file.fd, page - 1, page + 2),
    false,
    'its last byte is in a page that is not there',
  );
});

t.test('no file, no bytes', async (t) => {
  const pageCache = await openHere(t);
  if (pageCache === undefined) return;
  const file = await openFile(t);
  t.equal(pageCache.holds(-1, 0, 1), undefined);
  t.equal(pageCache.read(-1, Buffer.alloc(10), 0), 0);
  t.equal(pageCache.read(file.fd, Buffer.alloc(0), 0), 0);
  const given = Buffer.allocUnsafeSlow(4096);
  given.buffer.transfer(0);
  t.equal(pageCache.read(file.fd, given, 0), 0, 'a buffer that was given away');
});

t.test('many reads, while the collector runs and optimized code takes over', async (t) => {
  const pageCache = await openHere(t);
  if (pageCache === undefined) return;
  const file = await openFile(t);
  await file.read(Buffer.alloc(SIZE), 0, SIZE, 0);
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let wrong = 0;
  for (let round = 0; round < 30_000; round += 1) {
    const position = (round * 7919) % (SIZE - 512);
    const target = Buffer.allocUnsafeSlow(512);
    const isThere = pageCache.holds(file.fd, position, target.length) === true;
    const read = isThere ? pageCache.read(file.fd, target, position) : 0;
    if (read > 0 && !target.subarray(0, read).equals(bytes.subarray(position, position + read))) wrong += 1;
    if (round % 300 === 0) collect();
  }
  t.equal(wrong, 0);
});

t.test('where it is not for, it is not opened, and says why', async (t) => {
  const linux = { platform: 'linux', arch: 'x64', nodeVersion: '26.10.0' };
  for (const [change, reason] of [
    [{ platform: 'darwin' }, 'the system is darwin, not Linux'],
    [{ arch: 's390x' }, 'the processor is s390x, neither x64 nor arm64'],
    [{ nodeVersion: '24.9.0' }, 'Node is 24.9.0, older than 26.10'],
    [{ nodeVersion: '26.9.1' }, 'Node is 26.9.1, older than 26.10'],
  ] as const) {
    t.same(await openPageCache({ ...linux, ...change }), { kind: 'unavailable', reason });
  }
});
