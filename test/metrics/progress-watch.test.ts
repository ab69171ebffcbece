import t from 'tap';
import { createProgressWatch } from '../../src/metrics/progress-watch.ts';
import { createRunningWork } from '../../src/metrics/running-work.ts';

const BLOB = { registry: 'contoso', digest: 'sha256:aa', length: 100 };
const TRANSFER = { ...BLOB, kind: 'transfer', client: '192.0.2.0/24' } as const;

function scene() {
  const state = { now: 0, lent: 0, returns: 0 };
  const now = (): number => state.now;
  const work = createRunningWork(now, now);
  const watch = createProgressWatch({
    work,
    buffers: () => ({ lent: state.lent, budget: 1000, returns: state.returns }),
    now,
    stuckMs: () => 60_000,
    upstreamPatienceMs: () => 180_000,
  });
  const kinds = (): string[] => watch.look().map(({ kind }) => kind);
  return { state, work, watch, kinds };
}

t.test('a disk operation that does not come back is stuck, and named', async (t) => {
  const { state, work, watch } = scene();
  const operation = work.begin({ kind: 'disk', operation: 'write' });
  state.now = 59_999;
  t.strictSame(watch.look(), []);
  state.now = 60_000;
  t.strictSame(watch.look(), [{ kind: 'disk', what: 'write', idleMs: 60_000 }]);
  operation.end();
  t.strictSame(watch.look(), []);
});

t.test('a sync has ten times that: all of a large blob may still be on its way to the disk', async (t) => {
  const { state, work, kinds } = scene();
  const fill = work.begin({ ...BLOB, kind: 'fill' });
  fill.waits('disk');
  const sync = work.begin({ kind: 'disk', operation: 'datasync' });
  work.begin({ kind: 'disk', operation: 'sync' });
  state.now = 599_999;
  t.strictSame(kinds(), []);
  work.begin({ kind: 'disk', operation: 'write' });
  state.now += 1;
  t.strictSame(kinds(), ['fill', 'disk', 'disk']);
  sync.end();
  fill.end();
  t.strictSame(kinds(), ['disk']);
  state.now += 59_999;
  t.strictSame(kinds(), ['disk', 'disk'], 'nobody writes for so long');
});

t.test(
  'a slow client is not held against a transfer, and an upstream has its own deadlines first',
  async (t) => {
    const { state, work, kinds } = scene();
    const transfer = work.begin(TRANSFER);
    transfer.waits('client');
    state.now = 10_000_000;
    t.strictSame(kinds(), []);
    transfer.waits('upstream');
    state.now += 239_999;
    t.strictSame(kinds(), []);
    state.now += 1;
    t.strictSame(kinds(), ['transfer']);
    transfer.moved(1);
    t.strictSame(kinds(), []);
  },
);

t.test('a fill without anybody to wait for is stuck sooner than one that asks its upstream', async (t) => {
  const { state, work, watch, kinds } = scene();
  const fill = work.begin({ ...BLOB, kind: 'fill' });
  fill.waits('readers');
  state.now = 1_000_000;
  t.strictSame(kinds(), [], 'nobody wants more of it');
  fill.moved(0);
  fill.waits(undefined);
  state.now += 60_000;
  t.match(watch.look(), [{ kind: 'fill', what: 'contoso sha256:aa' }]);
  fill.waits('upstream');
  t.strictSame(kinds(), []);
});

t.test('buffers: all lent, none coming back, and no client that holds them', async (t) => {
  const { state, work, kinds } = scene();
  state.lent = 1000;
  t.strictSame(kinds(), []);
  state.now = 60_000;
  t.strictSame(kinds(), ['buffers']);
  const transfer = work.begin(TRANSFER);
  transfer.waits('client');
  t.strictSame(kinds(), []);
  transfer.end();
  state.returns = 1;
  t.strictSame(kinds(), []);
  state.now = 120_000;
  t.strictSame(kinds(), ['buffers'], 'again');
  state.lent = 900;
  t.strictSame(kinds(), []);
});

t.test('whoever waits for a verdict is as stuck as the fill that gives it', async (t) => {
  const { state, work, kinds } = scene();
  const transfer = work.begin(TRANSFER);
  const fill = work.begin({ ...BLOB, kind: 'fill' });
  transfer.waits('verdict');
  for (let minutes = 0; minutes < 60; minutes += 1) {
    state.now += 59_000;
    fill.moved(0);
    t.strictSame(kinds(), [], 'it hashes what was there');
  }
  state.now += 60_000;
  t.strictSame(kinds(), ['fill']);
});
