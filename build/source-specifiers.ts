import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';

const REFERENCE = /(?:\bfrom|\bimport|\bimport\(|\bresolve\(|\brequire\()\s*'([@a-z][\w@./:-]*)'/g;

/**
 * What the sources under `directory` take of packages: the specifiers of `import`, `import()`, `require` and `resolve`,
 * each once, sorted. Only literals are found; a specifier that is put together at run time would be missing from the image.
 */
export function sourceSpecifiers(directory: string): string[] {
  const files = globSync('**/*.ts', { cwd: directory });
  const found = files.flatMap((file) =>
    [...readFileSync(join(directory, file), 'utf8').matchAll(REFERENCE)].map(([, name = '']) => name),
  );
  return [...new Set(found)].filter((name) => !isBuiltin(name)).toSorted();
}
