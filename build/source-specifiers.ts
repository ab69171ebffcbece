import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';

/** A template or a variable: what it names can not be known. */
const COMPUTED = /(?:\bimport|\bimport\.meta\.resolve|\brequire)\((?!\s*['"])[^)\n]*\)/g;
const REFERENCE =
  /(?:\bfrom|\bimport|\bimport\(|\bimport\.meta\.resolve\(|\brequire\(|\brequire\.resolve\()\s*'([@a-z][\w@./:-]*)'/g;

/**
 * What the sources under `directory` take of packages: the specifiers of `import`, `import()`, `require` and `resolve`,
 * each once, sorted.
 * @throws Error for one that is put together at run time, since the image would lack it
 */
export function sourceSpecifiers(directory: string): string[] {
  const files = globSync('**/*.ts', { cwd: directory });
  const found = files.flatMap((file) => {
    const text = readFileSync(join(directory, file), 'utf8');
    const [computed] = text.match(COMPUTED) ?? [];
    if (computed !== undefined)
      throw new Error(`${file}: ${computed}: write the specifier out, or it is not in the image`);
    return [...text.matchAll(REFERENCE)].map(([, name = '']) => name);
  });
  return [...new Set(found)].filter((name) => !isPartOfNode(name)).toSorted();
}

/** Also one that the Node which builds the image does not have yet. */
function isPartOfNode(name: string): boolean {
  return name.startsWith('node:') || isBuiltin(name);
}
