import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { IMAGE_ENVIRONMENT } from './image-environment.ts';

t.test('it is what the Dockerfile says', async (t) => {
  const dockerfile = readFileSync(join(import.meta.dirname, '..', '..', 'Dockerfile'), 'utf8');
  for (const [name, value] of Object.entries(IMAGE_ENVIRONMENT)) {
    t.match(dockerfile, new RegExp(`^(ENV| )  *${name}=${value}( \\\\)?$`, 'm'), name);
  }
});
