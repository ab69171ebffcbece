import t from 'tap';
import { createRecentWrites } from '../../../src/upstream/regional/recent-writes.ts';

t.test('a push may not be everywhere for a while; after a delete a 404 is believed', async (t) => {
  let now = 0;
  const writes = createRecentWrites(60, { now: () => now });
  t.same([writes.isRecent('a'), writes.mayLag('a')], [false, false]);
  writes.note('a', 'pushed');
  t.same([writes.isRecent('a'), writes.mayLag('a')], [true, true]);
  t.same([writes.isRecent('b'), writes.mayLag('b')], [false, false]);
  now = 59_999;
  t.same([writes.isRecent('a'), writes.mayLag('a')], [true, true]);
  writes.note('a', 'deleted');
  t.same([writes.isRecent('a'), writes.mayLag('a')], [true, false]);
  writes.note('a', 'pushed');
  t.same(
    [writes.isRecent('a'), writes.mayLag('a')],
    [true, false],
    'the rest may still be deleted elsewhere or not',
  );
  now = 59_999 + 60_000;
  t.same([writes.isRecent('a'), writes.mayLag('a')], [false, false]);
  const none = createRecentWrites(0, { now: () => now });
  none.note('a', 'pushed');
  t.same([none.isRecent('a'), none.mayLag('a')], [false, false]);
});
