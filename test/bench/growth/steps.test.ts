import tap from 'tap';

import { formatCount, stepsTo } from '../../../bench/growth/steps.ts';

await tap.test('steps lie between the least and the most, each once', async (t) => {
  t.same(stepsTo(1, 1_000_000), [1, 100, 1000, 1_000_000]);
  t.same(stepsTo(2, 1000), [2, 100, 1000]);
  t.same(stepsTo(1, 50), [1, 50]);
  t.same(stepsTo(2, 1), [1]);
});

await tap.test('counts are written out', async (t) => {
  t.equal(formatCount(1, 'blob', 'blobs'), '1 blob');
  t.equal(formatCount(10_000, 'registry', 'registries'), '10,000 registries');
});
