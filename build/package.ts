import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// `prepack`: writes `dist`, the sources as JavaScript, with whatever else lies among them.

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync('tsc', ['--project', join(root, 'tsconfig.package.json')], { cwd: root, stdio: 'inherit' });
for (const file of globSync('src/**/*', { cwd: root, exclude: ['**/*.ts'] })) {
  if (!statSync(join(root, file)).isFile()) continue;
  const target = join(dist, file.slice('src/'.length));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(root, file), target);
}
