import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED } from './generated.ts';

const root = join(import.meta.dirname, '../..');
for (const { path, content } of GENERATED) writeFileSync(join(root, path), await content());
