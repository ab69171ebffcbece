import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type AuditFile, openAuditFile } from '../../src/audit/audit-file.ts';

function open(path: string): {
  file: AuditFile;
  said: string[];
  lost: string[];
  readonly append: (line: string) => void;
} {
  const said: string[] = [];
  const lost: string[] = [];
  const file = openAuditFile(path, {
    onFailing: (error) =>
      said.push(error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    onWorking: () => said.push('working'),
  });
  return { file, said, lost, append: (line) => file.append(line, () => lost.push(line)) };
}

t.test(
  'lines are there whole and in order, those that were appended while others were written, too',
  async (t) => {
    const path = join(t.testdir({ audit: 'before\n' }), 'audit');
    const { file, said, lost, append } = open(path);
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i} é`);
    for (const [i, line] of lines.entries()) {
      append(line);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await file.close();
    t.equal(readFileSync(path, 'utf8'), ['before', ...lines, ''].join('\n'));
    t.strictSame([said, lost], [[], []]);
  },
);

t.test('reopen: what came before is in the old file, what comes after in the new one', async (t) => {
  const path = join(t.testdir({}), 'audit');
  const { file, append } = open(path);
  append('one');
  append('two');
  renameSync(path, `${path}.1`);
  const reopened = file.reopen();
  append('three');
  await reopened;
  append('four');
  await file.close();
  const both = [readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')];
  t.equal(both.join(''), 'one\ntwo\nthree\nfour\n', 'nothing is lost or doubled');
  t.match(both[0], /one/);
  t.match(both[1], /four\n$/);
});

t.test('reopen where nothing can be opened leaves the open file in use', async (t) => {
  const directory = t.testdir({ logs: {} });
  const path = join(directory, 'logs', 'audit');
  const { file, lost, append } = open(path);
  rmSync(join(directory, 'logs'), { recursive: true });
  await t.rejects(file.reopen(), { code: 'ENOENT' });
  append('x');
  await file.close();
  t.strictSame(lost, [], 'the file still takes it');
});

t.test('a pipe is refused, whether somebody reads it or not, and nothing waits for a reader', async (t) => {
  const path = join(t.testdir({}), 'audit');
  const { file, lost, append } = open(path);
  renameSync(path, `${path}.1`);
  execFileSync('mkfifo', [path]);
  t.throws(() => open(path), { code: 'ENXIO' });
  await t.rejects(file.reopen(), { code: 'ENXIO' });
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  t.throws(() => open(path), { message: /neither a regular file nor a device/ });
  await t.rejects(file.reopen(), { message: /neither a regular file nor a device/ });
  append('x');
  await file.close();
  t.strictSame(lost, []);
  t.equal(readFileSync(`${path}.1`, 'utf8'), 'x\n', 'the file still takes it');
});

t.test('reopened several times at once, and closed meanwhile', async (t) => {
  const path = join(t.testdir({}), 'audit');
  const { file, lost, append } = open(path);
  append('one');
  const reopened = [file.reopen(), file.reopen()];
  append('two');
  await Promise.all([file.close(), ...reopened]);
  t.strictSame(lost, []);
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
});

t.test('a full disk: each line is given back, and it is said once', async (t) => {
  const { file, said, lost, append } = open('/dev/full');
  append('one');
  append('two');
  await new Promise((resolve) => setImmediate(resolve));
  append('three');
  await file.close();
  t.strictSame(lost, ['one', 'two', 'three']);
  t.strictSame(said, ['ENOSPC']);
});

t.test('a disk that does not keep up: what can not wait is given back', async (t) => {
  const path = join(t.testdir({}), 'audit');
  const { file, said, lost, append } = open(path);
  const line = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 10; i += 1) append(line);
  t.ok(lost.length > 0 && lost.length < 10, `${lost.length} of 10`);
  await file.close();
  t.equal(readFileSync(path, 'utf8').split('\n').length - 1, 10 - lost.length);
  t.match(said, [/keep up/, 'working']);
});

t.test('closed: once is enough, and what comes after is given back', async (t) => {
  const path = join(t.testdir({}), 'audit');
  const { file, lost, append } = open(path);
  append('one');
  await Promise.all([file.close(), file.close()]);
  append('two');
  await file.reopen();
  await file.close();
  t.strictSame(lost, ['two']);
  t.equal(readFileSync(path, 'utf8'), 'one\n');
});
