import t from 'tap';

import { createStoreCatalog } from '../../src/cache/store-catalog.ts';
import { randomContent } from '../support/contract/blob-store.ts';

t.test('the order is that of the last use, whatever comes and goes', async (t) => {
  const catalog = createStoreCatalog();
  const [a, b, c, d] = [1, 2, 3, 4].map((bytes) => catalog.add(randomContent(bytes + 8).digest, bytes, 0, 0));
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four');
  const order = (): number[] => Array.from(catalog.oldestFirst(), ({ bytes }) => bytes);
  t.same(order(), [1, 2, 3, 4]);
  catalog.use(a, 1);
  catalog.use(c, 2);
  catalog.use(c, 3);
  t.same(order(), [2, 4, 1, 3]);
  t.equal(catalog.delete(b), true);
  t.equal(catalog.delete(b), false);
  catalog.use(b, 4);
  t.same(order(), [4, 1, 3], 'what is gone is not used');
  t.equal(catalog.delete(c), true);
  t.same(order(), [4, 1]);
  catalog.restore(c);
  catalog.use(d, 5);
  t.same(order(), [1, 3, 4]);
  t.equal(catalog.bytes, 8);
  for (const entry of catalog.oldestFirst()) catalog.delete(entry);
  t.same([order(), catalog.size, catalog.bytes], [[], 0, 0]);
  catalog.use(catalog.add(a.digest, 7, 0, 0), 1);
  t.same(order(), [7]);
});
