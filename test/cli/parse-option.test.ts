import t from 'tap';
import { collect, parsePort } from '../../src/cli/parse-option.ts';

t.test('ports', async (t) => {
  t.equal(parsePort('5000'), 5000);
  t.equal(parsePort('65535'), 65_535);
  for (const text of ['0', '65536', '-1', '1e3', 'http', '']) {
    t.throws(() => parsePort(text), { message: /1 to 65535/ }, text);
  }
});

t.test('values come one by one or together', async (t) => {
  t.same(collect('a,b'), ['a', 'b']);
  t.same(collect('c,', ['a']), ['a', 'c']);
});
