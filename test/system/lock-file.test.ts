import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { lockFile } from '../../src/system/lock-file.ts';

t.test('a lock has one holder at a time, and writes nothing', (t) => {
  const path = join(t.testdir({}), 'lock');
  const first = lockFile(path);
  t.equal(lockFile(path).kind, 'in_use');
  if (first.kind !== 'locked') throw new Error(`the first is ${first.kind}`);
  first.unlock();
  const second = lockFile(path);
  t.equal(second.kind, 'locked');
  if (second.kind === 'locked') second.unlock();
  t.equal(readFileSync(path, 'utf8'), '');
  t.end();
});

t.test('what can not be a lock says why', (t) => {
  const directory = t.testdir({});
  mkdirSync(join(directory, 'lock'));
  t.match(lockFile(join(directory, 'lock')), { kind: 'unusable', why: /open/ });
  t.match(lockFile(join(directory, 'none/lock')), { kind: 'unusable', why: /open/ });
  t.end();
});
