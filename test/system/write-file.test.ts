import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writeWholeFile } from '../../src/system/write-file.ts';

t.test('a file is written anew, or replaced whole', async (t) => {
  const directory = t.testdir({ old: 'old' });
  for (const name of ['new', 'old']) {
    const path = join(directory, name);
    await writeWholeFile(path, 'text', { temporary: `${path}.tmp`, existing: 'replace' });
    t.equal(readFileSync(path, 'utf8'), 'text');
    t.equal(statSync(path).mode & 0o777, 0o600);
  }
  t.strictSame(readdirSync(directory).toSorted(), ['new', 'old'], 'nothing is left behind');
});

t.test('a file that is there can be kept', async (t) => {
  const directory = t.testdir({ old: 'old' });
  const path = join(directory, 'old');
  await t.rejects(writeWholeFile(path, 'text', { temporary: `${path}.tmp`, existing: 'keep' }), {
    code: 'EEXIST',
  });
  t.equal(readFileSync(path, 'utf8'), 'old');
  const other = join(directory, 'new');
  await writeWholeFile(other, 'text', { temporary: `${other}.tmp`, existing: 'keep' });
  t.equal(readFileSync(other, 'utf8'), 'text');
  t.strictSame(readdirSync(directory).toSorted(), ['new', 'old']);
});

t.test('owner and mode are set before the file has its name', async (t) => {
  const path = join(t.testdir({}), 'file');
  await writeWholeFile(path, 'text', {
    temporary: `${path}.tmp`,
    existing: 'replace',
    async adjust(file) {
      t.notOk(existsSync(path));
      await file.chmod(0o640);
    },
  });
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test('a failure leaves what was there, and no temporary file', async (t) => {
  const directory = t.testdir({ old: 'old', folder: {} });
  const path = join(directory, 'old');
  const adjust = () => Promise.reject(new Error('no'));
  const options = { temporary: `${path}.tmp`, existing: 'replace' } as const;
  await t.rejects(writeWholeFile(path, 'text', { ...options, adjust }), { message: 'no' });
  await t.rejects(writeWholeFile(join(directory, 'folder'), 'text', options), { code: 'EISDIR' });
  t.equal(readFileSync(path, 'utf8'), 'old');
  t.strictSame(readdirSync(directory).toSorted(), ['folder', 'old']);
  mkdirSync(`${path}.tmp`);
  await t.rejects(writeWholeFile(path, 'text', options), { code: 'EEXIST' }, 'what is in the way stays');
  t.ok(existsSync(`${path}.tmp`));
});
