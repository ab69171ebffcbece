import { cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { nodeFileTrace } from '@vercel/nft';
import { sourceSpecifiers } from './source-specifiers.ts';

/** Of every package that is there at all, since its licence asks for it. */
const LICENCE_FILES = '{LICEN[CS]E,COPYING,NOTICE}*';
const MODULES = new Set(['', '.js', '.mjs', '.cjs', '.json', '.node']);
/** Fields of `package.json` that Node or Berth reads. */
const PACKAGE_FIELDS = ['name', 'version', 'license', 'type', 'imports'] as const;

export type ProductionTree = { readonly files: number; readonly bytes: number };

/**
 * Writes to `target` what a running Berth reads of the checkout `root`: its sources, and of `node_modules` the files that
 * `import`, `import()` and `require` of the sources lead to. 185 MB of packages become about a tenth: no types, no source
 * maps, no second build of the same for browsers. `target` is made anew.
 * @throws Error for a package that is not installed
 */
export async function writeProductionTree(
  root: string,
  target: string,
  revision: string,
): Promise<ProductionTree> {
  const files = await tracedFiles(root, sourceSpecifiers(join(root, 'src')));
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'package.json'), ownPackage(root, revision));
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
  cpSync(join(root, 'build/healthcheck.ts'), join(target, 'healthcheck.ts'));
  cpSync(join(root, 'src'), join(target, 'src'), { recursive: true });
  for (const file of [...files, ...licenceFiles(root, files)]) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(root, file), join(target, file), { verbatimSymlinks: true });
  }
  const written = globSync('**/*', { cwd: target })
    .map((file) => statSync(join(target, file)))
    .filter((found) => found.isFile());
  return { files: written.length, bytes: written.reduce((sum, { size }) => sum + size, 0) };
}

/** `gitHead` is the field that npm writes into what it publishes. */
function ownPackage(root: string, revision: string): string {
  const own: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const kept = PACKAGE_FIELDS.map((field) => [field, own[field]] as const);
  return `${JSON.stringify({ ...Object.fromEntries(kept), gitHead: revision }, null, 2)}\n`;
}

async function tracedFiles(root: string, specifiers: readonly string[]): Promise<string[]> {
  const isModule = (name: string) => MODULES.has(extname(name.replace(/^(@[^/]+\/)?[^/]+/, '')));
  const entry = join(root, 'production-tree-entry.mjs');
  const text = specifiers.filter(isModule).map((name) => `import ${JSON.stringify(name)};\n`);
  const require = createRequire(join(root, 'package.json'));
  const assets = specifiers.filter((name) => !isModule(name)).map((name) => require.resolve(name));
  const trace = await nodeFileTrace([entry, ...assets], {
    base: root,
    processCwd: root,
    // Of a directory and of nothing there is no content: the tracer asks for what may be an index file, too.
    readFile: async (path) => (path === entry ? text.join('') : readFile(path).catch(absent)),
  });
  const missing = [...trace.warnings]
    .map(({ message }) => message)
    .filter((message) => message.includes(`loaded from ${entry}`));
  if (missing.length > 0) throw new Error(`run "npm ci" first: ${missing.join('; ')}`);
  return [...trace.fileList].filter((file) => file.startsWith('node_modules/')).toSorted();
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'EISDIR') return null;
  throw error;
}

function licenceFiles(root: string, files: readonly string[]): string[] {
  const packages = new Set(files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? ''));
  return [...packages].flatMap((folder) =>
    globSync(LICENCE_FILES, { cwd: join(root, folder) })
      .map((name) => join(folder, name))
      .filter((file) => statSync(join(root, file)).isFile()),
  );
}
