import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenFiles } from './golden-files.ts';

const directory = join(import.meta.dirname, 'golden');
mkdirSync(directory, { recursive: true });
for (const [name, text] of await goldenFiles()) writeFileSync(join(directory, name), text);
