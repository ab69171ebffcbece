import t from 'tap';
import { createFairQueue } from '../../src/upstream/fair-queue.ts';

const any = () => true;

t.test('clients take turns, each in its own order', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(item.charAt(0), item);
  t.equal(queue.length, 6);
  t.same([...queue.items()], ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']);
  const order = [];
  for (let item = queue.take(any); item !== undefined; item = queue.take(any)) order.push(item);
  t.same(order, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  t.equal(queue.length, 0);
});

t.test('what may not go is passed over and keeps its place', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) queue.add(item.charAt(0), item);
  t.equal(
    queue.take((item) => item !== 'a1'),
    'a2',
  );
  t.equal(
    queue.take((item) => item === 'none'),
    undefined,
  );
  t.equal(queue.take(any), 'b1', 'a has had its turn');
  t.equal(queue.take(any), 'a1');
});

t.test('an item leaves from anywhere', async (t) => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) queue.add(item.charAt(0), item);
  t.ok(queue.remove('a', 'a2'));
  t.notOk(queue.remove('a', 'a2'), 'only once');
  t.notOk(queue.remove('x', 'x1'));
  t.ok(queue.remove('b', 'b1'));
  t.equal(queue.length, 1);
  t.equal(queue.take(any), 'a1');
});
