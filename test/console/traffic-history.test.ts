import t from 'tap';
import {
  createTrafficHistory,
  HISTORY_MS,
  NO_TRAFFIC,
  sumTraffic,
} from '../../src/console/traffic-history.ts';

t.test('samples are what counters grew by, of the last hour', async (t) => {
  const history = createTrafficHistory(0);
  history.add(10_000, { ...NO_TRAFFIC, cache: 100, hits: 1 });
  history.add(20_000, { ...NO_TRAFFIC, cache: 150, hits: 1, misses: 2 });
  history.add(20_000, { ...NO_TRAFFIC, cache: 999 });
  t.strictSame(history.samples(), [
    { ...NO_TRAFFIC, at: 10_000, spanMs: 10_000, cache: 100, hits: 1 },
    { ...NO_TRAFFIC, at: 20_000, spanMs: 10_000, cache: 50, misses: 2 },
  ]);
  t.strictSame(sumTraffic(history.samples()), { ...NO_TRAFFIC, cache: 150, hits: 1, misses: 2 });
  history.add(HISTORY_MS + 10_000, { ...NO_TRAFFIC, cache: 150, hits: 1, misses: 2 });
  t.strictSame(
    history.samples().map(({ at }) => at),
    [20_000, HISTORY_MS + 10_000],
  );
});
