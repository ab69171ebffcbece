import { chmodSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stampFile, stampFiles } from '../../src/system/file-stamp.ts';

t.test('a stamp changes with whatever happens to a file', async (t) => {
  const directory = t.testdir({ a: '1', b: '1', other: '1' });
  const path = join(directory, 'a');
  const seen = new Set([await stampFile(path)]);
  t.ok(seen.has(await stampFile(path)), 'and with nothing else');
  const steps: (() => void)[] = [
    () => writeFileSync(path, '22'),
    () => utimesSync(path, 1, 1),
    () => chmodSync(path, 0o600),
    () => renameSync(join(directory, 'b'), path),
    () => rmSync(path),
    () => symlinkSync('other', path),
  ];
  for (const step of steps) {
    step();
    const stamp = await stampFile(path);
    t.notOk(seen.has(stamp), stamp);
    seen.add(stamp);
  }
});

t.test('the stamp of several tells which they are', async (t) => {
  const directory = t.testdir({});
  const [a, b] = [join(directory, 'a'), join(directory, 'b')];
  t.not(await stampFiles([a]), await stampFiles([b]), 'both missing');
  t.not(await stampFiles([a]), await stampFiles([a, b]));
  t.equal(await stampFiles([a, b]), await stampFiles([a, b]));
});
