import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import t from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';

// The package as npm makes it, unpacked where npm would put it, beside the packages of this checkout: nothing is
// downloaded. `npm run e2e -- package` installs it with npm itself.

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const CHECKOUT = [
  'bin',
  'build',
  'config',
  'src',
  'LICENSE',
  'README.md',
  'package.json',
  'tsconfig.json',
  'tsconfig.package.json',
];

const directory = mkdtempSync(join(tmpdir(), 'berth-package-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const modules = join(directory, 'project/node_modules');
const installed = join(modules, 'berth');

t.before(async () => {
  // A copy, so that the checkout stays as it is.
  const checkout = join(directory, 'checkout');
  for (const name of CHECKOUT) cpSync(join(root, name), join(checkout, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  // Nothing of how the tests were started: npm hands its flags down, and tap has code of its own loaded first into
  // every Node below it.
  const env = { PATH: process.env['PATH'], HOME: directory };
  const pack = ['-u', 'NODE_OPTIONS', 'npm', 'pack', '--pack-destination', directory];
  await run('env', pack, { cwd: checkout, env });
  const [tarball = ''] = globSync('berth-*.tgz', { cwd: directory });
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', join(directory, tarball), '-C', installed, '--strip-components=1']);
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '.bin' && name !== 'berth')
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
});

t.test('holds the command, its JavaScript and the examples', (t) => {
  t.strictSame(readdirSync(installed).toSorted(), [
    'LICENSE',
    'README.md',
    'bin',
    'config',
    'dist',
    'package.json',
  ]);
  t.strictSame(globSync('**/*.{ts,map}', { cwd: installed }), []);
  const sources = globSync('**/*', { cwd: join(root, 'src'), withFileTypes: true }).filter((e) => e.isFile());
  const written = globSync('**/*', { cwd: join(installed, 'dist'), withFileTypes: true });
  t.equal(
    written.filter((e) => e.isFile()).length,
    sources.length,
    'a file for each source, assets included',
  );
  t.end();
});

t.test('no file of it names a source', (t) => {
  const files = globSync('dist/**/*.js', { cwd: installed });
  t.ok(files.length > 200, `${files.length} files`);
  const wrong = files.filter((file) =>
    /['"]\.{1,2}\/[^'"]*\.ts['"]/.test(readFileSync(join(installed, file), 'utf8')),
  );
  t.strictSame(wrong, []);
  t.end();
});

t.test('tells its version, and helps', async (t) => {
  const berth = join(installed, 'bin/berth.js');
  const { stdout: version } = await run(process.execPath, [berth, '--version']);
  t.match(version, /^\d+\.\d+\.\d+\n$/);
  const { stdout: help } = await run(process.execPath, [berth, '--help']);
  t.match(help, /serve/);
});

t.test('serves', async (t) => {
  t.ok(existsSync(join(installed, 'dist/main.js')));
  const port = await refusedPort();
  const upstream = await refusedPort();
  const args = ['serve', '--upstream', `http://127.0.0.1:${upstream}`, '--port', String(port)];
  args.push('--allow-private=127.0.0.0/8');
  const child = spawn(process.execPath, [join(installed, 'bin/berth.js'), ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"msg":"listening"')) break;
  }
  const response = await fetch(`http://localhost:${port}/v2/`);
  t.equal(response.status, 502, 'nobody is behind it');
  const document: { readonly errors?: readonly unknown[] } = JSON.parse(await response.text());
  t.equal(document.errors?.length, 1);
  child.kill('SIGTERM');
  t.strictSame(await exit, [0, null]);
});
