import { type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createMemoryReads, type MemoryReadsDeps } from '../../src/cache/memory-reads.ts';
import type { PageCache } from '../../src/cache/page-cache.ts';
import { DISK_AT_ONCE } from '../../src/cache/store-fs.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { realMemoryReads } from '../support/memory-reads.ts';
import { testDirectory } from '../support/test-directory.ts';

const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;
const EXT4_SUPER_MAGIC = 0xef53;
const bytes = pseudoRandomBytes('memory reads', 100_000);

async function openFile(t: Test, path = join(testDirectory(t), 'file')): Promise<FileHandle> {
  const file = await open(path, 'w+');
  t.teardown(async () => {
    await file.close();
    await rm(path, { force: true });
  });
  await file.write(bytes);
  return file;
}

function scene(changes: Partial<MemoryReadsDeps> = {}) {
  const metrics = createMetrics();
  const lines: unknown[][] = [];
  const asked = { types: 0, pageCaches: 0 };
  const pageCache: PageCache = { holds: () => true, read: (_fd, buffer) => buffer.fill(7).length };
  const reads = createMemoryReads({
    async fileSystemType() {
      asked.types += 1;
      return EXT4_SUPER_MAGIC;
    },
    readSync: () => {
      throw new Error('a disk is never waited for');
    },
    async openPageCache() {
      asked.pageCaches += 1;
      return { kind: 'open', pageCache };
    },
    metrics,
    log: {
      debug: (...line: unknown[]) => void lines.push(['debug', ...line]),
      info: (...line: unknown[]) => void lines.push(['info', ...line]),
    },
    ...changes,
  });
  const counted = async () => ({
    memory: await metrics.cacheReads.value({ from: 'memory' }),
    disk: await metrics.cacheReads.value({ from: 'disk' }),
  });
  return { reads, pageCache, lines, asked, counted };
}

t.test('a file on the file systems of this machine', async (t) => {
  const places = [join(testDirectory(t), 'file')];
  const inMemory = '/dev/shm';
  const type = await statfs(inMemory).then(
    (found) => found.type,
    () => undefined,
  );
  if (type === TMPFS_MAGIC) places.push(join(inMemory, `berth-memory-reads-${process.pid}`));
  for (const path of places) {
    const file = await openFile(t, path);
    const now = await realMemoryReads().of(file, path, (await file.stat()).dev);
    if (path.startsWith(inMemory)) t.ok(now !== undefined);
    if (now === undefined) continue;
    const buffer = Buffer.alloc(bytes.length + 1000);
    const read = now.read(buffer.subarray(0, bytes.length - 5), 5);
    t.ok(read === 0 || buffer.subarray(0, read).equals(bytes.subarray(5, 5 + read)), path);
    if (path.startsWith(inMemory)) t.equal(read, bytes.length - 5);
    t.equal(now.read(buffer, bytes.length), 0, 'nothing is behind the end');
  }
});

t.test('a device is judged once, and said once', async (t) => {
  const { reads, asked, lines, counted } = scene();
  for (const device of [1, 1, 2]) {
    const now = await reads.of({ fd: 9 }, '/cache', device);
    t.equal(now?.read(Buffer.alloc(10), 0), 10);
  }
  t.same(asked, { types: 2, pageCaches: 1 });
  t.same(
    lines.map(([level]) => level),
    ['debug', 'debug'],
  );
  t.same(await counted(), { memory: 3, disk: 0 });
});

t.test('what is not all in memory is not asked for: even reading ahead may wait', async (t) => {
  for (const answer of [false, undefined]) {
    let reads = 0;
    const pageCache: PageCache = {
      // The first look only finds out whether the kernel says anything.
      holds: (_fd, position) => (position === 0 ? false : answer),
      read: () => (reads += 1),
    };
    const { reads: memoryReads, counted } = scene({
      openPageCache: () => Promise.resolve({ kind: 'open', pageCache }),
    });
    const now = await memoryReads.of({ fd: 9 }, '/cache', 1);
    t.equal(now?.read(Buffer.alloc(10), 4096), 0);
    t.equal(reads, 0);
    t.same(await counted(), { memory: 0, disk: 1 });
  }
});

t.test('a closed file is not read: its number may be another file', async (t) => {
  const { reads } = scene();
  const file = { fd: 9 };
  const now = await reads.of(file, '/cache', 1);
  file.fd = -1;
  t.equal(now?.read(Buffer.alloc(10), 0), 0);
});

t.test('nothing to ask: said once, and all reads are asynchronous', async (t) => {
  const silent: PageCache = { holds: () => undefined, read: () => 1 };
  for (const [openPageCache, reason] of [
    [() => Promise.resolve({ kind: 'unavailable', reason: 'it rains' } as const), 'it rains'],
    [
      () => Promise.resolve({ kind: 'open', pageCache: silent } as const),
      'the kernel does not say what it has cached',
    ],
  ] as const) {
    const { reads, lines } = scene({ openPageCache });
    for (let count = 0; count < 2; count += 1) t.equal(await reads.of({ fd: 9 }, '/cache', 1), undefined);
    t.match(lines, [['info', { reason }]]);
    t.equal(lines.length, 1);
  }
});

t.test(
  'a file system in memory is read there, and its errors are left to the asynchronous read',
  async (t) => {
    const path = join(testDirectory(t), 'file');
    const file = await openFile(t, path);
    // Node gives the second as it is, or below 0 where numbers of 32 bits are signed.
    for (const type of [TMPFS_MAGIC, RAMFS_MAGIC, RAMFS_MAGIC | 0]) {
      const { reads, asked } = scene({
        fileSystemType: () => Promise.resolve(type),
        readSync: DISK_AT_ONCE.readSync,
      });
      const now = await reads.of(file, path, 1);
      const buffer = Buffer.alloc(100);
      t.equal(now?.read(buffer, 50), 100);
      t.ok(buffer.equals(bytes.subarray(50, 150)));
      t.equal(asked.pageCaches, 0, 'needs no page cache');
    }
    const { reads } = scene({ fileSystemType: () => Promise.resolve(TMPFS_MAGIC) });
    t.equal((await reads.of(file, path, 1))?.read(Buffer.alloc(10), 0), 0);
  },
);

t.test('a file system that does not answer to statfs is asked again for the next file', async (t) => {
  let fails = true;
  const { reads, lines } = scene({
    fileSystemType: () =>
      fails
        ? Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' }))
        : Promise.resolve(EXT4_SUPER_MAGIC),
  });
  t.equal(await reads.of({ fd: 9 }, '/cache', 1), undefined);
  t.match(lines, [['debug', { error: 'ENOENT' }]]);
  fails = false;
  t.ok(await reads.of({ fd: 9 }, '/cache', 1));
});
