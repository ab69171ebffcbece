import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

t.test('a field of a later version is refused, with its place', async (t) => {
  const lines = problemLines(configFile({}, { workers: 1 }));
  const refused = lines.map(
    (line) => /^f:1:\d+: ([^:]+): is not implemented in this version; /.exec(line)?.[1],
  );
  t.same(refused, ['workers']);
});
