import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { testDirectory } from '../support/test-directory.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin');

t.test('an older Node is told in one line, before anything of it is read', async (t) => {
  const root = testDirectory(t);
  cpSync(BIN, join(root, 'bin'), { recursive: true });
  // The Node of this test is the older one here.
  writeFileSync(join(root, 'package.json'), '{"type":"module","engines":{"node":">=999"}}');
  mkdirSync(join(root, 'src'));
  writeFileSync(join(root, 'src', 'main.ts'), "throw new Error('it was read');");
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'berth.js'), 'serve'], {
    encoding: 'utf8',
  });
  t.equal(status, 1);
  t.equal(stdout, '');
  t.equal(
    stderr,
    `berth: Node 999 or newer is needed, this is ${process.versions.node}: run \`npx berth\`, which brings its own, or install a newer Node\n`,
  );
});

t.test('this Node runs it', async (t) => {
  const { status, stdout } = spawnSync(process.execPath, [join(BIN, 'berth.js'), '--version'], {
    encoding: 'utf8',
  });
  t.equal(status, 0);
  t.match(stdout, /\d+\.\d+\.\d+/);
});
