import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { GENERATED } from './generated.ts';

const root = join(import.meta.dirname, '../..');

for (const { path, content } of GENERATED) {
  const present = readFileSync(join(root, path), 'utf8');
  t.equal(present, await content(), `${path} is as "node test/support/write-generated.ts" writes it`);
}
