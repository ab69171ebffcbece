import { join } from 'node:path';
import t from 'tap';
import { DISK, type StoreFs } from '../../src/cache/store-fs.ts';
import { watchDisk } from '../../src/cache/watch-disk.ts';
import { createRunningWork } from '../../src/metrics/running-work.ts';
import { testDirectory } from '../support/test-directory.ts';

t.test('does what the file system does, and leaves nothing under way', async (t) => {
  const work = createRunningWork(Date.now, Date.now);
  const fs = watchDisk(DISK, work);
  const path = join(testDirectory(t), 'a', 'b');
  await fs.mkdir(join(path, '..'), { mode: 0o700 });
  const handle = await fs.open(path, 'w+');
  await handle.write(Buffer.from('hello'), 0, 5, 0);
  await handle.sync();
  const buffer = Buffer.alloc(5);
  t.equal((await handle.read(buffer, 0, 5, 0)).bytesRead, 5);
  t.equal(buffer.toString(), 'hello');
  t.ok(handle.fd > 0);
  await handle.close();
  await fs.rename(path, `${path}2`);
  t.equal((await fs.stat(`${path}2`)).size, 5);
  t.strictSame(await fs.list(join(path, '..')), ['b2']);
  t.ok((await fs.statfs(path + '2')).bsize > 0);
  await fs.unlink(`${path}2`);
  await t.rejects(fs.open(path, 'r'), { code: 'ENOENT' });
  t.strictSame(work.list(), []);
});

t.test('an operation that hangs can be seen', async (t) => {
  const work = createRunningWork(Date.now, Date.now);
  const { promise, resolve } = Promise.withResolvers<void>();
  const hanging: StoreFs = { ...DISK, unlink: () => promise };
  const removed = watchDisk(hanging, work).unlink('anything');
  t.match(work.list(), [{ kind: 'disk', operation: 'unlink' }]);
  resolve();
  await removed;
  t.strictSame(work.list(), []);
});
