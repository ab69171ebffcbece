import t from 'tap';
import { createMemoryStore } from '../../../src/cache/objects/create-memory-store.ts';
import { guardStore } from '../../../src/cache/objects/guard-store.ts';
import { ObjectStoreError } from '../../../src/cache/objects/object-store.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';

function open() {
  const metrics = createMetrics();
  const clock = { now: 0 };
  const said: string[] = [];
  const log = {
    info: (_: object, text: string) => void said.push(text),
    warn: (_: object, text: string) => void said.push(text),
  };
  const failing = { is: false };
  const memory = createMemoryStore();
  const inner = {
    ...memory,
    length: (name: string, signal: AbortSignal) =>
      failing.is ? Promise.reject(new ObjectStoreError('memory: 500', 500)) : memory.length(name, signal),
  };
  return { store: guardStore(inner, { metrics, log, now: () => clock.now }), metrics, clock, said, failing };
}

await t.test('one that fails is left alone, for longer each time, and taken up again', async (t) => {
  const { store, metrics, clock, said, failing } = open();
  const { signal } = new AbortController();
  failing.is = true;
  await t.rejects(store.length('x', signal), { name: /./, status: 500 });
  t.equal(store.isAway, true);
  await t.rejects(store.length('x', signal), { name: /./, status: undefined });
  t.equal(await metrics.objectStoreOperations.value({ operation: 'length', result: 'failed' }), 1);
  t.equal(await metrics.objectStoreOperations.value({ operation: 'length', result: 'away' }), 1);
  t.equal(await metrics.objectStoreAway.value({}), 1);
  clock.now += 1_000;
  t.equal(store.isAway, false);
  await t.rejects(store.length('x', signal), { name: /./, status: 500 });
  clock.now += 1_000;
  t.equal(store.isAway, true, 'two seconds the second time');
  clock.now += 1_000;
  failing.is = false;
  t.equal(await store.length('x', signal), undefined);
  t.equal(said.length, 2, 'said once, and once that it is over');
});

await t.test('many that fail at once are one failure', async (t) => {
  const { store, clock, failing } = open();
  const { signal } = new AbortController();
  failing.is = true;
  await Promise.allSettled(Array.from({ length: 10 }, () => store.length('x', signal)));
  clock.now += 1_000;
  t.equal(store.isAway, false, 'a second, as after one');
});

await t.test('a body that has failed counts as well', async (t) => {
  const { store, said } = open();
  store.report(new ObjectStoreError('memory: a body broke off', undefined));
  t.equal(store.isAway, true);
  t.equal(said.length, 1);
});

await t.test('a blob that can not be read says nothing of the store', async (t) => {
  const { store, metrics, said } = open();
  const content = { length: 5, read: () => Promise.reject(new Error('the disk')) };
  await t.rejects(store.put('x', content, new AbortController().signal), { code: 'content_unreadable' });
  t.equal(store.isAway, false);
  t.equal(await metrics.objectStoreOperations.value({ operation: 'put', result: 'failed' }), 0);
  t.same(said, []);
});

await t.test('who has left says nothing of the store', async (t) => {
  const { store, failing } = open();
  failing.is = true;
  await t.rejects(store.length('x', AbortSignal.abort()));
  t.equal(store.isAway, false);
});
