import t from 'tap';
import { formatOutput } from '../../src/cli/format-output.ts';

const output = {
  document: { a: [1] },
  header: ['KIND', 'X'],
  rows: [
    ['longer', 'y'],
    ['', 'zz'],
  ],
};

t.test('one document in four forms', async (t) => {
  t.equal(formatOutput(output, 'json'), '{\n  "a": [\n    1\n  ]\n}\n');
  t.equal(formatOutput(output, 'yaml'), 'a:\n  - 1\n');
  t.equal(formatOutput(output, 'tsv'), 'longer\ty\n\tzz\n');
  t.equal(formatOutput(output, 'table'), 'KIND    X\nlonger  y\n        zz\n');
});
