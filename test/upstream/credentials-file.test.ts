import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkCredentialsFile, readCredentialsFile } from '../../src/upstream/credentials-file.ts';

t.test('a start finds out what a pull would, and neither shows the content', async (t) => {
  const directory = t.testdir({ folder: {}, good: 'user:pa:ss\r\nignored', bad: 'secret' });
  t.doesNotThrow(() => checkCredentialsFile(join(directory, 'good')));
  writeFileSync(join(directory, 'empty'), '');
  const rows: [string, RegExp][] = [
    ['missing', /^upstream\.auth\.file .*missing can not be read \(ENOENT\): check its name/],
    ['folder', /can not be read \(EISDIR\)/],
    ['bad', /its first line must be username:password$/],
    ['empty', /its first line must be username:password$/],
  ];
  for (const [name, message] of rows) {
    const expected = { code: 'invalid_credentials_file', message };
    t.throws(() => checkCredentialsFile(join(directory, name)), expected, name);
    await t.rejects(readCredentialsFile(join(directory, name)), expected, name);
  }
});
