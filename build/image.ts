import { fileURLToPath } from 'node:url';
import { writeProductionTree } from './production-tree.ts';
import { loadEverything } from './smoke.ts';

// node build/image.ts DIRECTORY [REVISION]: writes what the image holds, and loads all of it once. The Dockerfile runs it.

const [target, revision = 'unknown'] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: node build/image.ts DIRECTORY [REVISION]');
const root = fileURLToPath(new URL('..', import.meta.url));
const { files, bytes } = await writeProductionTree(root, target, revision);
console.log(`${files} files, ${(bytes / 1e6).toFixed(1)} MB; ${loadEverything(target)} modules loaded`);
