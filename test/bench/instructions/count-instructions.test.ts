import { join } from 'node:path';
import tap from 'tap';

import { parseTotal } from '../../../bench/instructions/count-instructions.ts';
import { stripModule, stripSources } from '../../../bench/instructions/strip-sources.ts';
import { testDirectory } from '../../support/test-directory.ts';

await tap.test('the total of a dump', async (t) => {
  t.equal(parseTotal('version: 1\nevents: Ir\nfn=(1)\n0 7\ntotals: 123456789012\n'), 123_456_789_012);
  t.equal(parseTotal('summary: 5\n'), 5);
  t.throws(() => parseTotal('fn=(1)\n'), { message: 'callgrind wrote no total' });
});

await tap.test('a module loses its types and names its neighbours as JavaScript', async (t) => {
  const source = `import type { A } from './a.ts';
import { b } from '../b.ts';
import {
  type C,
  c,
} from './c.ts';
import vm from 'node:vm';
export const text: string = 'a.ts';
const later = await import('./d.ts');
`;
  const stripped = stripModule(source);
  t.notMatch(stripped, /\bA\b|: string/);
  t.match(stripped, "from '../b.js'");
  t.match(stripped, "from './c.js'");
  t.match(stripped, "import('./d.js')");
  t.match(stripped, "from 'node:vm'");
  t.match(stripped, "'a.ts'", 'only names of modules are changed');
});

await tap.test('what is counted runs without its types', async (t) => {
  const directory = testDirectory(t);
  const root = join(import.meta.dirname, '..', '..', '..');
  stripSources(root, ['src/http/*.ts'], directory);
  const { parseRange } = await import(join(directory, 'src', 'http', 'range.js'));
  t.match(parseRange('bytes=1-2'), { kind: 'ranges', specs: [{ firstPos: 1, lastPos: 2 }] });
});
