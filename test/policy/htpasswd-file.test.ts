import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { openHtpasswdFile } from '../../src/policy/htpasswd-file.ts';

const hash = `$2y$05$${'a'.repeat(53)}`;

t.test('changes are followed, and trouble keeps the last good entries', async (t) => {
  const path = join(t.testdir({ htpasswd: `alice:${hash}\n` }), 'htpasswd');
  let nowMs = 0;
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const file = openHtpasswdFile(path, { now: () => nowMs, log });
  const usersLater = async () => {
    nowMs += 1000;
    const { htpasswd, version } = await file.current();
    return `${version}: ${[...htpasswd.hashes.keys()].join(' ')}`;
  };

  t.equal(await usersLater(), '1: alice');
  await writeFile(path, `alice:${hash}\nbob:${hash}\n`);
  t.equal(
    [...(await file.current()).htpasswd.hashes.keys()].join(' '),
    'alice',
    'not looked at within a second',
  );
  t.equal(await usersLater(), '2: alice bob');

  await writeFile(path, 'alice:plaintext-password\n');
  t.equal(await usersLater(), '2: alice bob', 'a broken file');
  t.equal(await usersLater(), '2: alice bob');
  await rm(path);
  t.equal(await usersLater(), '2: alice bob', 'no file');
  t.equal(await usersLater(), '2: alice bob');
  await mkdir(path);
  t.equal(await usersLater(), '2: alice bob', 'a directory');
  await rm(path, { recursive: true });
  await writeFile(`${path}.new`, `carol:${hash}\n`);
  await rename(`${path}.new`, path);
  t.equal(await usersLater(), '3: carol', 'and it is taken up again');

  const messages = lines.map((line) => JSON.parse(line) as { level: number; reason?: string });
  t.same(
    messages.map(({ level }) => level),
    [30, 50, 50, 50, 30],
    'each trouble is told once',
  );
  t.match(messages[1]?.reason, /line 1: .*not bcrypt/);
  t.match(messages[2]?.reason, /ENOENT/);
  t.notMatch(lines.join(''), /plaintext-password|alice|aaaa/);
});

t.test('many questions at once look once', async (t) => {
  const path = join(t.testdir({ htpasswd: `alice:${hash}\n` }), 'htpasswd');
  let nowMs = 0;
  const file = openHtpasswdFile(path, { now: () => nowMs });
  await writeFile(path, `bob:${hash}\n#\n`);
  nowMs = 1000;
  const answers = await Promise.all(Array.from({ length: 20 }, () => file.current()));
  t.same(new Set(answers.map(({ version }) => version)), new Set([2]));
});

t.test('at start a file that is not usable is an error with the way out', (t) => {
  const directory = t.testdir({ md5: 'alice:$apr1$x$y\n', huge: '#'.repeat(4 * 1024 * 1024 + 1) });
  const rows: [string, RegExp][] = [
    ['none', /none can not be read \(ENOENT\): check its path/],
    ['md5', /md5, line 1: .*htpasswd -B/],
    ['huge', /larger than/],
    ['', /is not a file/],
  ];
  for (const [name, message] of rows) {
    t.throws(() => openHtpasswdFile(join(directory, name)), { code: 'invalid_htpasswd_file', message });
  }
  t.end();
});
