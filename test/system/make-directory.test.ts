import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { makeDirectory } from '../../src/system/make-directory.ts';
import { testDirectory } from '../support/test-directory.ts';

const MODE = 0o700;

t.test('what is missing is made, all with the mode, and the uppermost is told', async (t) => {
  const directory = testDirectory(t);
  t.equal(await makeDirectory(join(directory, 'a', 'b', 'c'), MODE), join(directory, 'a'));
  for (const made of ['a', 'a/b', 'a/b/c']) t.equal(statSync(join(directory, made)).mode & 0o777, MODE, made);
  t.equal(await makeDirectory(join(directory, 'a', 'b', 'd'), MODE), join(directory, 'a', 'b', 'd'));
});

t.test('what is there is left as it is, through a link, too', async (t) => {
  const directory = testDirectory(t);
  mkdirSync(join(directory, 'there'), { mode: 0o755 });
  symlinkSync('there', join(directory, 'link'));
  t.equal(await makeDirectory(join(directory, 'there'), MODE), undefined);
  t.equal(await makeDirectory(join(directory, 'link'), MODE), undefined);
  t.equal(statSync(join(directory, 'there')).mode & 0o777, 0o755);
});

t.test('several at once make it once', async (t) => {
  const path = join(testDirectory(t), 'a', 'b');
  const made = await Promise.all([1, 2, 3, 4].map(() => makeDirectory(path, MODE)));
  t.ok(made.includes(join(path, '..')));
  t.ok(statSync(path).isDirectory());
});

t.test('a file in the way, at the end and above', async (t) => {
  const file = join(testDirectory(t), 'file');
  writeFileSync(file, '');
  await t.rejects(makeDirectory(file, MODE), { code: 'EEXIST' });
  await t.rejects(makeDirectory(join(file, 'below'), MODE), { code: 'ENOTDIR' });
});

t.test('where the system lets nobody make one, the failure comes', async (t) => {
  await t.rejects(makeDirectory('/proc/nosuch', MODE), { code: 'ENOENT' });
  await t.rejects(makeDirectory('/proc/nosuch/deeper', MODE), { code: 'ENOENT' });
});
