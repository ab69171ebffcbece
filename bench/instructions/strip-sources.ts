import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/** Ends of module names in `from '…'` and `import('…')` that are the project's own. */
const SPECIFIER = /((?:\bfrom|\bimport)\s*\(?\s*'\.[^']*)\.ts'/g;

/**
 * Writes these files of the project as JavaScript below `directory`: without its compiler, Node has no WebAssembly, and without that
 * it strips no types itself.
 */
export function stripSources(root: string, patterns: readonly string[], directory: string): void {
  for (const file of globSync([...patterns], { cwd: root })) {
    const target = join(directory, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, stripModule(readFileSync(join(root, file), 'utf8')));
  }
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
}

export function stripModule(source: string): string {
  return stripTypeScriptTypes(source).replace(SPECIFIER, "$1.js'");
}
