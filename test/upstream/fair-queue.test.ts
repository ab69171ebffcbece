import t from 'tap';
import { createFairQueue } from '../../src/upstream/fair-queue.ts';

const any = () => true;

t.test('clients take turns, each in its own order', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(item.charAt(0), item);
  t.equal(queue.length, 6);
  t.same([...queue.items()], ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']);
  const order = [];
  for (let item = queue.take(any, any); item !== undefined; item = queue.take(any, any)) order.push(item);
  t.same(order, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  t.equal(queue.length, 0);
});

t.test('what may not go is passed over and keeps its place', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) queue.add(item.charAt(0), item);
  t.equal(
    queue.take(any, (item) => item !== 'a1'),
    'a2',
  );
  t.equal(
    queue.take(any, (item) => item === 'none'),
    undefined,
  );
  t.equal(queue.take(any, any), 'b1', 'a has had its turn');
  t.equal(queue.take(any, any), 'a1');
});

t.test('an item leaves from anywhere', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) queue.add(item.charAt(0), item);
  t.ok(queue.remove('a', 'a2'));
  t.notOk(queue.remove('a', 'a2'), 'only once');
  t.notOk(queue.remove('x', 'x1'));
  t.ok(queue.remove('b', 'b1'));
  t.equal(queue.length, 1);
  t.equal(queue.take(any, any), 'a1');
});

t.test('a client whose turn it may not be is passed over', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'b1']) queue.add(item.charAt(0), item);
  t.equal(
    queue.take((client) => client !== 'a', any),
    'b1',
  );
  t.equal(queue.take(any, any), 'a1');
});

t.test('the longest line gives way to whoever has a shorter one', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1']) queue.add(item.charAt(0), item);
  const none = () => false;
  t.equal(queue.makeRoom('a', none), undefined, 'not to itself');
  t.equal(queue.makeRoom('b', none), 'a3');
  queue.add('b', 'b2');
  t.equal(queue.makeRoom('b', none), undefined, 'nor to one that would then have the longest');
  t.equal(queue.makeRoom('c', none), 'a2');
  queue.add('c', 'c1');
  t.equal(queue.makeRoom('c', none), undefined);
  t.equal(queue.makeRoom('d', none), 'b2');
  queue.add('d', 'd1');
  t.equal(queue.makeRoom('e', none), undefined, 'each has one');
  t.equal(queue.length, 4);
  t.equal(
    queue.makeRoom('e', (item) => item === 'c1'),
    'c1',
    'but for one that has nothing of its place',
  );
  t.equal(queue.makeRoom('a', any), undefined, 'for who has none at all');
});
