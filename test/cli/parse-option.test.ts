import t from 'tap';
import { collect, parsePort, parseWorkers } from '../../src/cli/parse-option.ts';

t.test('ports', async (t) => {
  t.equal(parsePort('5000'), 5000);
  t.equal(parsePort('65535'), 65_535);
  for (const text of ['0', '65536', '-1', '1e3', 'http', '']) {
    t.throws(() => parsePort(text), { message: /1 to 65535/ }, text);
  }
});

t.test('workers', async (t) => {
  t.equal(parseWorkers('1'), 1);
  t.equal(parseWorkers('64'), 64);
  t.equal(parseWorkers('auto'), 'auto');
  for (const text of ['0', '65', '-1', '1.5', 'all', '']) {
    t.throws(() => parseWorkers(text), { message: /1 to 64, or auto/ }, text);
  }
});

t.test('values come one by one or together', async (t) => {
  t.same(collect('a,b'), ['a', 'b']);
  t.same(collect('c,', ['a']), ['a', 'c']);
});
