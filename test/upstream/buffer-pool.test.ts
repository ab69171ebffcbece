import * as fc from 'fast-check';
import t from 'tap';
import { createBufferPool, type Slab } from '../../src/upstream/buffer-pool.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function scene(maxBytes: number) {
  const timers: (() => void)[] = [];
  const pool = createBufferPool(maxBytes, (_, fire) => timers.push(fire));
  return {
    pool,
    timers,
    fire: () => timers.splice(0).forEach((each) => each()),
    giveBack: (slab: Slab) => pool.retire(slab, () => true),
  };
}

t.test('a slab is at most as large as wanted, and never smaller than the smallest', async (t) => {
  const { pool } = scene(64 * MIB);
  const sizes = [0, 64 * KIB, 127 * KIB, 128 * KIB, 700 * KIB, MIB, 5 * MIB].map(
    (wanted) => pool.take(wanted).buffer.length / KIB,
  );
  t.same(sizes, [64, 64, 64, 128, 512, 1024, 1024]);
});

t.test('beyond half of the budget slabs are small, beyond all of it not pooled', async (t) => {
  const { pool } = scene(4 * MIB);
  t.same(
    [pool.take(MIB), pool.take(MIB), pool.take(MIB)].map(({ buffer }) => buffer.length / KIB),
    [1024, 1024, 64],
  );
  for (let taken = 0; taken < 31; taken += 1) t.equal(pool.take(MIB).pooled, true);
  const beyond = pool.take(MIB);
  t.equal(beyond.pooled, false);
  t.equal(beyond.buffer.length, 16 * KIB);
  t.ok(pool.bytes.lent <= 4 * MIB);
});

t.test('slabs that were free all the time between two looks go back to the system', async (t) => {
  const { pool, timers, fire, giveBack } = scene(64 * MIB);
  const herd = Array.from({ length: 10 }, () => pool.take(MIB));
  herd.forEach(giveBack);
  t.equal(pool.bytes.free, 10 * MIB);
  t.equal(timers.length, 1);
  fire();
  t.equal(pool.bytes.free, 10 * MIB, 'they have only just been given back');
  // One transfer goes on, with two slabs at a time.
  const [a, b] = [pool.take(MIB), pool.take(MIB)];
  giveBack(a);
  giveBack(b);
  fire();
  t.equal(pool.bytes.free, 2 * MIB);
  t.equal(herd.filter(({ buffer }) => buffer.length === 0).length, 8, 'the memory is gone at once');
  fire();
  t.equal(pool.bytes.free, 0);
  t.equal(timers.length, 0, 'an empty pool looks no more');
  giveBack(pool.take(0));
  t.equal(timers.length, 1);
});

type Step = { readonly kind: 'take' | 'back' | 'trim'; readonly number: number };

t.test('whatever is taken, given back and trimmed: what is lent is whole, and the budget holds', async () => {
  const step = fc.record<Step>({
    kind: fc.constantFrom('take', 'take', 'back', 'trim'),
    number: fc.nat(2 * MIB),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { pool, fire, giveBack } = scene(4 * MIB);
      const lent: Slab[] = [];
      for (const { kind, number } of steps) {
        if (kind === 'take') lent.push(pool.take(number));
        else if (kind === 'trim') fire();
        else lent.splice(number % (lent.length + 1), 1).forEach(giveBack);
        const bytes = lent.reduce((sum, { pooled, buffer }) => sum + (pooled ? buffer.length : 0), 0);
        if (lent.some(({ buffer }) => buffer.length === 0)) return false;
        if (new Set(lent).size !== lent.length || pool.bytes.lent !== bytes) return false;
        if (pool.bytes.lent + pool.bytes.free > 4 * MIB) return false;
      }
      return true;
    }),
  );
});
