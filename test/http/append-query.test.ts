import t from 'tap';
import { appendQuery } from '../../src/http/append-query.ts';

t.test('a query is put after a path, or after the query that is there', async (t) => {
  t.equal(appendQuery('/a', ''), '/a');
  t.equal(appendQuery('/a?b=%2B', ''), '/a?b=%2B');
  t.equal(appendQuery('/a', 'b=c?d'), '/a?b=c?d');
  t.equal(appendQuery('/a//b?c=%2B', 'd=%2b&e'), '/a//b?c=%2B&d=%2b&e');
});
