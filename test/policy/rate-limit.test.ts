import t from 'tap';
import { createRateLimit } from '../../src/policy/rate-limit.ts';

t.test('a burst, then the sustained rate, and a full burst again after a pause', async (t) => {
  let now = 1000;
  const limit = createRateLimit({ perSecond: 4, burst: 3 }, () => now);
  t.same([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 0]);
  t.equal(limit.take('a'), 250, 'milliseconds until the next');
  t.equal(limit.take('a'), 250, 'what is refused takes nothing');
  t.equal(limit.take('b'), 0, 'each key by itself');
  now += 250;
  t.equal(limit.take('a'), 0);
  t.equal(limit.take('a'), 250);
  now += 10_000;
  t.same([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 0]);
  t.ok(limit.take('a') > 0, 'a longer pause saves no more than a burst');
});

t.test('intervals that are no whole number lose nothing', async (t) => {
  let now = 0;
  const limit = createRateLimit({ perSecond: 3, burst: 1 }, () => now);
  let taken = 0;
  for (now = 0; now < 10_000; now += 1) if (limit.take('a') === 0) taken += 1;
  t.ok(taken >= 29 && taken <= 31, `${taken} in ten seconds`);
});
