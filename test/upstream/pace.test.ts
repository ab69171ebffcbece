import t from 'tap';
import { Pace } from '../../src/upstream/pace.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

t.test('a steady stream is worth the bytes of 50 ms', async (t) => {
  const pace = new Pace();
  for (let now = 0; now <= 10_000; now += 10) pace.note(200 * KIB, now);
  const bytes = pace.slabBytes(10_000);
  t.ok(bytes > 0.95 * MIB && bytes < 1.05 * MIB, `${bytes} at 20,000 KiB/s`);
});

t.test('what the kernel takes at once makes nobody fast', async (t) => {
  const pace = new Pace();
  for (let taken = 0; taken < 4 * MIB; taken += 64 * KIB) pace.note(64 * KIB, 1);
  t.ok(pace.slabBytes(1) <= 256 * KIB, 'at the start');
  // 256 KiB/s, a megabyte at a time.
  for (let now = 4000; now < 40_000; now += 4000) {
    t.ok(pace.slabBytes(now) < 64 * KIB, 'after standing still');
    for (let taken = 0; taken < MIB; taken += 64 * KIB) pace.note(64 * KIB, now);
    t.ok(pace.slabBytes(now) < 64 * KIB, 'in a burst');
  }
});

t.test('nothing has passed', async (t) => {
  t.equal(new Pace().slabBytes(1_000_000), 0);
});
