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
