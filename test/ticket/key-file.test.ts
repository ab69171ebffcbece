import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readKeyFile, writeKeyFile } from '../../src/ticket/key-file.ts';
import { formatTicketKeys, generateTicketKeys, rotateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { testDirectory } from '../support/test-directory.ts';

const asRoot = process.getuid?.() === 0;

t.test('what is written is read', async (t) => {
  const directory = testDirectory(t);
  const path = join(directory, 'ticket.keys');
  const keys = generateTicketKeys();
  await writeKeyFile(path, keys);
  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.equal(formatTicketKeys(await readKeyFile(path)), formatTicketKeys(keys));
  t.same(await readdir(directory), ['ticket.keys'], 'nothing temporary is left');
});

t.test('an existing file is left as it is unless it is to be replaced', async (t) => {
  const path = join(t.testdir({ 'ticket.keys': 'mine\n' }), 'ticket.keys');
  await t.rejects(writeKeyFile(path, generateTicketKeys()), {
    code: 'key_file_exists',
    message: new RegExp(`${path} exists.*ticket-key rotate`),
  });
  t.equal(await readFile(path, 'utf8'), 'mine\n');
  t.same(await readdir(t.testdirName), ['ticket.keys']);
});

t.test('a replaced file keeps mode, owner and the link that led to it', async (t) => {
  const directory = testDirectory(t);
  const path = join(directory, 'ticket.keys');
  const link = join(directory, 'link');
  const keys = generateTicketKeys();
  await writeKeyFile(path, keys);
  await symlink('ticket.keys', link);
  await chmod(path, 0o400);
  if (asRoot) await chown(path, 4321, 4322);
  const { uid, gid } = await stat(path);
  const rotated = rotateTicketKeys(keys);
  await writeKeyFile(link, rotated, { replace: true });
  t.match(await stat(path), { uid, gid });
  t.equal((await stat(path)).mode & 0o777, 0o400);
  t.equal(await readFile(path, 'utf8'), formatTicketKeys(rotated));
  t.same((await readdir(directory)).toSorted(), ['link', 'ticket.keys']);
});

t.test('only of a file that is there a replacement is made', async (t) => {
  const directory = testDirectory(t);
  await t.rejects(writeKeyFile(join(directory, 'none'), generateTicketKeys(), { replace: true }), {
    code: 'key_file_unwritable',
    message: /ENOENT/,
  });
  await t.rejects(writeKeyFile(join(directory, 'none', 'ticket.keys'), generateTicketKeys()), {
    code: 'key_file_unwritable',
    message: /directory exists/,
  });
});

t.test('access by others is refused, with the way out', async (t) => {
  const path = join(testDirectory(t), 'ticket.keys');
  await writeKeyFile(path, generateTicketKeys());
  if (asRoot) await chown(path, 4321, 4322);
  for (const mode of [0o640, 0o604, 0o644, 0o620, 0o610, 0o666]) {
    await chmod(path, mode);
    await t.rejects(
      readKeyFile(path),
      { code: 'key_file_permissions', message: new RegExp(`mode 0${mode.toString(8)}.*chmod 600 ${path}`) },
      mode.toString(8),
    );
  }
  for (const mode of [0o600, 0o400, 0o700]) {
    await chmod(path, mode);
    t.ok(await readKeyFile(path), mode.toString(8));
  }
});

t.test('the group may read what root owns, and nothing else', async (t) => {
  const path = join(testDirectory(t), 'ticket.keys');
  await writeKeyFile(path, generateTicketKeys());
  for (const mode of [0o440, 0o640]) {
    await chmod(path, mode);
    if (asRoot) t.ok(await readKeyFile(path), mode.toString(8));
    else await t.rejects(readKeyFile(path), { code: 'key_file_permissions' }, mode.toString(8));
  }
  for (const mode of [0o660, 0o644, 0o444, 0o650]) {
    await chmod(path, mode);
    await t.rejects(readKeyFile(path), { code: 'key_file_permissions' }, mode.toString(8));
  }
});

t.test('a file that is no key file', async (t) => {
  const directory = testDirectory(t);
  const path = join(directory, 'ticket.keys');
  await t.rejects(readKeyFile(path), {
    code: 'key_file_missing',
    message: new RegExp(`${path} does not exist.*"berth ticket-key generate"`),
  });
  await mkdir(path);
  await t.rejects(readKeyFile(path), { code: 'key_file_unreadable', message: /is not a file/ });
  const odd = join(directory, 'odd');
  await writeFile(odd, 'a key\n', { mode: 0o600 });
  await t.rejects(readKeyFile(odd), {
    code: 'key_file_invalid',
    message: new RegExp(`${odd}: line 1: .*base64`),
  });
  await writeFile(odd, '#'.repeat(64 * 1024 + 1));
  await t.rejects(readKeyFile(odd), { code: 'key_file_invalid', message: /is it the right file/ });
  await t.rejects(readKeyFile(join(odd, 'below')), { code: 'key_file_unreadable', message: /ENOTDIR/ });
});
