import t from 'tap';
import { riseOf, secondHalf } from './trend.ts';

t.test('a line through samples', async (t) => {
  const line = [0, 1, 2, 3, 4].map((at) => ({ at: at * 10, value: 100 + at * 5 }));
  t.equal(riseOf(line), 20);
  t.equal(riseOf(line.map(({ at }) => ({ at, value: 7 }))), 0);
  const noisy = line.map(({ at, value }, index) => ({ at, value: value + (index % 2 === 0 ? 3 : -3) }));
  t.ok(Math.abs(riseOf(noisy) - 20) < 3, 'noise to both sides is not a trend');
  t.equal(riseOf([]), 0);
  t.equal(riseOf([{ at: 1, value: 5 }]), 0);
  t.equal(
    riseOf([
      { at: 1, value: 5 },
      { at: 1, value: 9 },
    ]),
    0,
    'one moment has no trend',
  );
});

t.test('the second half is one of time, not of numbers', async (t) => {
  const samples = [0, 1, 2, 3, 100].map((at) => ({ at, value: at }));
  t.same(secondHalf(samples), [{ at: 100, value: 100 }]);
  t.same(secondHalf([]), []);
});
