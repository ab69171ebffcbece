import { cp } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandsOf, readDocument } from '../../docs/documents.ts';
import { run } from '../process.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** What a clone has not. */
const NOT_CLONED = new Set(['node_modules', '.git', '.tap', 'dist']);

/** A copy of the checkout as a newcomer has it, with the first command of docs/get-started.md done; gives its folder. */
export async function cloneCheckout(directory: string, say: (text: string) => void): Promise<string> {
  const clone = join(directory, 'clone');
  await cp(ROOT, clone, { recursive: true, filter: (source) => !NOT_CLONED.has(relative(ROOT, source)) });
  const [install = ''] = commandsOf(readDocument('docs/get-started.md'));
  say(install);
  await run(['sh', '-c', install], { cwd: clone });
  return clone;
}
