import t from 'tap';
import { createRequestWindow } from '../../src/upstream/request-window.ts';

t.test('in no minute more than the limit', async (t) => {
  let now = 5000;
  const window = createRequestWindow(2, () => now);
  t.equal(window.wait(), 0);
  window.count();
  now += 10_000;
  t.equal(window.wait(), 0);
  window.count();
  t.equal(window.wait(), 50_000, 'until the first is a minute old');
  now += 50_000;
  t.equal(window.wait(), 0);
  window.count();
  t.equal(window.wait(), 10_000, 'until the second is');
});

t.test('another limit goes on from what was counted', async (t) => {
  let now = 0;
  const clock = () => now;
  const window = createRequestWindow(3, clock);
  for (now = 1000; now <= 4000; now += 1000) window.count();
  t.same(window.begun(), [2000, 3000, 4000]);
  now = 5000;
  t.equal(createRequestWindow(4, clock, window.begun()).wait(), 0, 'one more');
  t.equal(createRequestWindow(3, clock, window.begun()).wait(), 57_000);
  t.equal(createRequestWindow(1, clock, window.begun()).wait(), 59_000, 'the latest counts');
});
