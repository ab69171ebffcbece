import t from 'tap';
import { createProcessState } from '../../../src/state/create-process-state.ts';
import {
  createRecentWrites,
  type RecentWrites,
  type WriteRecords,
} from '../../../src/upstream/regional/recent-writes.ts';

const AWAY: WriteRecords = { note: () => Promise.resolve(false), read: () => Promise.resolve(undefined) };
const registry = 'contoso https://contoso.azurecr.io';

const both = async (writes: RecentWrites, repository: string) => [
  await writes.isRecent(repository),
  await writes.mayLag(repository),
];

for (const [name, open] of [
  ['by itself', () => AWAY],
  ['with others', (now: () => number) => createProcessState(now)],
] as const) {
  t.test(`a push may not be everywhere for a while; after a delete a 404 is believed: ${name}`, async (t) => {
    let now = 0;
    const records = open(() => now);
    const writes = createRecentWrites(60, { now: () => now, records, registry });
    t.same(await both(writes, 'a'), [false, false]);
    await writes.note('a', 'pushed');
    t.same(await both(writes, 'a'), [true, true]);
    t.same(await both(writes, 'b'), [false, false]);
    now = 59_999;
    t.same(await both(writes, 'a'), [true, true]);
    await writes.note('a', 'deleted');
    t.same(await both(writes, 'a'), [true, false]);
    await writes.note('a', 'pushed');
    t.same(await both(writes, 'a'), [true, false], 'the rest may still be deleted elsewhere or not');
    now = 59_999 + 60_000;
    t.same(await both(writes, 'a'), [false, false]);
    const none = createRecentWrites(0, { now: () => now, records, registry });
    await none.note('a', 'pushed');
    t.same(await both(none, 'a'), [false, false]);
  });
}

t.test(
  'X4 what was written through one is known to all who share the records, and to the next one here',
  async (t) => {
    let now = 0;
    const records = createProcessState(() => now);
    const open = (of = registry) => createRecentWrites(60, { now: () => now, records, registry: of });
    const other = open();
    t.same(await both(other, 'a'), [false, false]);
    await open().note('a', 'pushed');
    t.same(await both(other, 'a'), [true, true]);
    t.same(await both(open(), 'a'), [true, true], 'after a reload');
    t.same(await both(open('another registry'), 'a'), [false, false]);
    now = 30_000;
    await open().note('a', 'deleted');
    t.same(await both(other, 'a'), [true, false]);
    now = 60_000;
    t.same(await both(other, 'a'), [true, false], 'the push is over, the delete is not');
    now = 90_000;
    t.same(await both(other, 'a'), [false, false]);
  },
);
