import t from 'tap';
import { WriteQueue } from '../../../src/blob/fill/write-queue.ts';
import { createBufferPool } from '../../../src/upstream/buffer-pool.ts';

const pool = createBufferPool(1024 * 1024);
const slabs = [pool.take(0), pool.take(0)] as const;

function filled(): WriteQueue {
  const queue = new WriteQueue();
  const [first, second] = slabs;
  first.buffer.write('abcdef');
  second.buffer.write('ghij');
  queue.push(10, first.buffer.subarray(0, 2), first);
  queue.push(12, first.buffer.subarray(2, 6), first);
  queue.push(16, second.buffer.subarray(0, 4), second);
  return queue;
}

const text = (write: { readonly position: number; readonly bytes: Buffer } | undefined) =>
  write === undefined ? undefined : `${write.position} ${write.bytes.toString('latin1')}`;

t.test('neighbours in one buffer are one write, and the limit cuts', (t) => {
  const queue = filled();
  const first = queue.take(100);
  t.equal(text(first), '10 abcdef');
  t.strictSame(first?.slabs, [slabs[0], slabs[0]]);
  t.equal(queue.bytes, 4);
  const second = queue.take(3);
  t.equal(text(second), '16 ghi');
  t.strictSame(second?.slabs, [], 'the rest keeps the buffer');
  t.equal(queue.position, 19);
  const third = queue.take(3);
  t.equal(text(third), '19 j');
  t.strictSame(third?.slabs, [slabs[1]]);
  t.equal(queue.take(3), undefined);
  t.equal(queue.bytes, 0);
  t.end();
});

t.test('what is skipped is written by nobody, and its buffer goes with its last byte', (t) => {
  const queue = filled();
  t.equal(queue.skip(1), undefined);
  t.equal(queue.position, 11);
  t.equal(queue.firstBytes, 1);
  t.equal(queue.skip(1), slabs[0]);
  t.equal(text(queue.take(2)), '12 cd');
  t.equal(queue.bytes, 6);
  t.strictSame(queue.drop(), [slabs[0], slabs[1]]);
  t.equal(queue.bytes, 0);
  t.equal(queue.position, undefined);
  t.equal(queue.skip(0), undefined);
  t.strictSame(queue.drop(), []);
  t.end();
});
