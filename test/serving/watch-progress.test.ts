import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { Stuck } from '../../src/metrics/progress-watch.ts';
import { watchProgress } from '../../src/serving/watch-progress.ts';

t.test('a probe, a scrape and the log say what stands still, the log once', async (t) => {
  let stuck: readonly Stuck[] = [];
  const lines: unknown[] = [];
  let look = (): void => undefined;
  const log = {
    error: (facts: object) => void lines.push(facts),
    info: (facts: object) => void lines.push(facts),
  };
  const metrics = createMetrics();
  const report = watchProgress(
    { look: () => stuck },
    {
      metrics,
      log,
      every(_milliseconds, act) {
        look = act;
        return () => {
          look = () => undefined;
        };
      },
    },
  );
  look();
  t.equal(report.checks.stuck_disk(), true);
  t.equal(await metrics.stuck.value({ kind: 'disk' }), 0);
  stuck = ['write', 'sync', 'read', 'open'].map((what, index) => ({
    kind: 'disk',
    what,
    idleMs: 90_000 - index,
  }));
  look();
  look();
  t.equal(report.checks.stuck_disk(), false);
  t.equal(report.checks.stuck_fill(), true);
  t.equal(await metrics.stuck.value({ kind: 'disk' }), 4);
  t.equal(await metrics.stuckSeconds.value({ kind: 'disk' }), 90);
  t.strictSame(lines, [{ stuck: 'disk', count: 4, seconds: 90, which: ['write', 'sync', 'read'] }]);
  stuck = [];
  look();
  t.strictSame(lines.slice(1), [{ stuck: 'disk' }]);
  report.close();
});
