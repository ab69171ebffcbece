import t from 'tap';
import { floorOf, riseOf, secondHalf } from './trend.ts';

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

t.test('the floor is what is left when the garbage is gone', async (t) => {
  const saw = Array.from({ length: 120 }, (_, at) => ({ at, value: 100 + (at % 10) * 20 }));
  const floor = floorOf(saw, 12);
  t.equal(floor.length, 12);
  t.ok(Math.abs(riseOf(floor)) < 1, 'a saw has no trend, wherever it is cut');
  const leak = saw.map(({ at, value }) => ({ at, value: value + at }));
  t.ok(Math.abs(riseOf(floorOf(leak, 12)) - 110) < 5, 'a leak has one');
  t.same(floorOf([], 12), []);
  t.same(floorOf([{ at: 5, value: 1 }], 12), [{ at: 5, value: 1 }]);
});
