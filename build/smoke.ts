import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { sourceSpecifiers } from './source-specifiers.ts';

/** Loading all of Berth and of the SDKs takes about 2 s; a machine that emulates another takes far longer. */
const TIMEOUT_MS = 300_000;

const SCRIPT = `
import { createRequire } from 'node:module';
const require = createRequire(process.cwd() + '/package.json');
for (const name of JSON.parse(process.argv[1])) {
  if (/\\.(css|html|svg)$/.test(name)) require.resolve(name);
  else await import(name);
}
`;

/**
 * Loads every source file of the tree `directory` and every package that one of them names, lazily loaded ones as well,
 * in a process of its own that finds nothing but this tree. Gives their number.
 * @throws Error with Node's own words for the first that does not load
 */
export function loadEverything(directory: string): number {
  const sources = globSync('src/**/*.ts', { cwd: directory }).filter((file) => file !== 'src/main.ts');
  const names = [
    ...sources.map((file) => `./${file}`).toSorted(),
    ...sourceSpecifiers(join(directory, 'src')),
  ];
  execFileSync(process.execPath, ['--input-type=module', '--eval', SCRIPT, JSON.stringify(names)], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  return names.length;
}
