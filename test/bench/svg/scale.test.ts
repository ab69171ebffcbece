import tap from 'tap';

import { createScale } from '../../../bench/svg/scale.ts';

await tap.test('ticks are round, from 0 to at least the most', async (t) => {
  for (const [most, ticks] of [
    [1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0.35, [0, 0.1, 0.2, 0.3, 0.4]],
    [4.5, [0, 1, 2, 3, 4, 5]],
    [7, [0, 2, 4, 6, 8]],
    [53, [0, 10, 20, 30, 40, 50, 60]],
    [10_000, [0, 2000, 4000, 6000, 8000, 10_000]],
  ] as const) {
    t.same(createScale(most, 100).ticks, ticks, String(most));
  }
});

await tap.test('every most has between two and seven ticks, the last not below it', async (t) => {
  for (let most = 1e-4; most < 1e7; most *= 1.37) {
    const { ticks } = createScale(most, 100);
    t.ok(
      (ticks.at(-1) ?? 0) >= most && ticks.length >= 2 && ticks.length <= 7,
      `${most}: ${ticks.join(' ')}`,
    );
  }
});

await tap.test('places are in proportion, and never outside', async (t) => {
  const { at } = createScale(1, 200);
  t.same([0, 0.5, 1, -1, 9].map(at), [0, 100, 200, 0, 200]);
});

await tap.test('nothing to show is still an axis', async (t) => {
  for (const most of [0, -1, Number.NaN]) t.same(createScale(most, 100).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
});
