import tap from 'tap';

import { formatSpread, slope, spread } from '../../bench/statistics.ts';

await tap.test('the median of an odd and of an even number of values', async (t) => {
  t.same(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.same(spread([10, 1, 2, 9]), { median: 5.5, min: 1, max: 10 });
  t.same(spread([4]), { median: 4, min: 4, max: 4 });
  t.throws(() => spread([]), { message: 'no values' });
});

await tap.test('a spread is written as median and limits', async (t) => {
  t.equal(formatSpread({ median: 1.005, min: 0.9, max: 12 }), '1.00 (0.90–12.00)');
});

await tap.test('the slope of values', async (t) => {
  t.equal(slope([5, 7, 9, 11]), 2);
  t.equal(slope([3, 3, 3]), 0);
  t.equal(slope([8, 1, 8]), 0);
  t.equal(slope([7]), 0);
});
