import t from 'tap';

import type { StoreEntry } from '../../src/cache/blob-store.ts';
import { createStoreCatalog } from '../../src/cache/store-catalog.ts';
import { randomContent } from '../support/contract/blob-store.ts';

const entryOf = (bytes: number): StoreEntry => ({
  digest: randomContent(bytes + 8).digest,
  bytes,
  publishedAt: 0,
  lastUsedAt: 0,
});
type Catalog = ReturnType<typeof createStoreCatalog>;
const orderOf = (catalog: Catalog): number[] => Array.from(catalog.oldestFirst(), ({ bytes }) => bytes);

t.test('the order is that of the last use, whatever comes and goes', async (t) => {
  const catalog = createStoreCatalog();
  const [a, b, c, d] = [entryOf(1), entryOf(2), entryOf(3), entryOf(4)];
  for (const entry of [a, b, c, d]) catalog.add(entry);
  t.same(orderOf(catalog), [1, 2, 3, 4]);
  catalog.use(a.digest, 1);
  catalog.use(c.digest, 2);
  catalog.use(c.digest, 3);
  t.same(orderOf(catalog), [2, 4, 1, 3]);
  t.same(catalog.take(b.digest), b);
  t.equal(catalog.take(b.digest), undefined);
  catalog.use(b.digest, 4);
  t.same(orderOf(catalog), [4, 1, 3], 'what is gone is not used');
  const taken = catalog.take(c.digest);
  t.same(taken, { ...c, lastUsedAt: 3 });
  t.same(orderOf(catalog), [4, 1]);
  catalog.add(c);
  catalog.use(d.digest, 5);
  t.same(orderOf(catalog), [1, 3, 4]);
  t.equal(catalog.bytes, 8);
  catalog.add({ ...a, bytes: 7 });
  t.same(
    [orderOf(catalog), catalog.size, catalog.bytes],
    [[3, 4, 7], 3, 14],
    'another of its digest takes its place',
  );
  for (const entry of catalog.oldestFirst()) catalog.take(entry.digest);
  t.same([orderOf(catalog), catalog.size, catalog.bytes], [[], 0, 0]);
});

t.test('who is open is not evicted, and one that was taken is not the one that came after it', async (t) => {
  const catalog = createStoreCatalog();
  const [a, b] = [entryOf(1), entryOf(2)];
  for (const entry of [a, b]) catalog.add(entry);
  const first = catalog.pin(a.digest);
  const second = catalog.pin(a.digest);
  if (first === undefined || second === undefined) throw new Error('it was added');
  t.equal(first, second);
  t.equal(catalog.pin(entryOf(3).digest), undefined);
  t.same([catalog.pinnedBytes, catalog.isPinned(a.digest), catalog.isPinned(b.digest)], [1, true, false]);
  t.equal(catalog.oldestUnpinned()?.digest, b.digest);
  catalog.unpin(first);
  t.equal(catalog.oldestUnpinned()?.digest, b.digest, 'another has it open');

  catalog.take(a.digest);
  t.equal(catalog.isCurrent(second), false);
  catalog.add(a);
  const later = catalog.pin(a.digest);
  if (later === undefined) throw new Error('it was added again');
  t.same([catalog.isCurrent(later), catalog.isCurrent(second), catalog.pinnedBytes], [true, false, 2]);
  catalog.unpin(second);
  t.same(
    [catalog.isPinned(a.digest), catalog.pinnedBytes],
    [true, 1],
    'whoever has the old one lets go of that alone',
  );
  catalog.unpin(later);
  t.same([catalog.isPinned(a.digest), catalog.pinnedBytes], [false, 0]);
  t.equal(catalog.oldestUnpinned()?.digest, b.digest);
});

t.test('a walk meets each of then once at most, and nobody else', async (t) => {
  const catalog = createStoreCatalog();
  const entries = Array.from({ length: 100 }, (_, at) => entryOf(at));
  for (const entry of entries) catalog.add(entry);
  const met: number[] = [];
  const later: StoreEntry[] = [];
  for (const { digest, bytes } of catalog.oldestFirst()) {
    met.push(bytes);
    catalog.use(digest, 1);
    // The next but one goes, and its place could be another's.
    const gone = entries[bytes + 2];
    if (gone !== undefined && bytes % 10 === 0) catalog.take(gone.digest);
    later.push(entryOf(1000 + bytes));
    catalog.add(later.at(-1) ?? entryOf(0));
  }
  t.same(
    met,
    entries.map(({ bytes }) => bytes).filter((bytes) => bytes % 10 !== 2),
  );
  t.equal(catalog.size, met.length + later.length);

  const inPart = catalog.oldestFirst();
  inPart.next();
  inPart.return();
  const around = [...catalog.around(0.7)];
  t.same(new Set(around), new Set(Array.from(catalog.oldestFirst(), ({ digest }) => digest)));
  t.equal(around.length, catalog.size);
  t.notSame(around, [...catalog.around(0)], 'from another place on');
});
