import t from 'tap';
import { createRunningWork, type WaitsFor } from '../../src/metrics/running-work.ts';

const FILL = { kind: 'fill', registry: 'contoso', digest: 'sha256:aa', length: undefined } as const;

t.test('lists what is under way, oldest first, until it ends', async (t) => {
  let now = 1000;
  const work = createRunningWork(
    () => now,
    () => now,
  );
  const fill = work.begin(FILL);
  now = 2000;
  const disk = work.begin({ kind: 'disk', operation: 'write' });
  t.equal(work.count('fill'), 1);
  t.equal(work.count('transfer'), 0);
  t.strictSame(
    work.list().map(({ kind, since, idleMs }) => ({ kind, since, idleMs })),
    [
      { kind: 'fill', since: 1000, idleMs: 1000 },
      { kind: 'disk', since: 2000, idleMs: 0 },
    ],
  );
  fill.end();
  fill.end();
  t.strictSame(
    work.list().map(({ kind }) => kind),
    ['disk'],
  );
  disk.end();
  t.strictSame(work.list(), []);
});

t.test('a byte ends the idleness, and a length may be learnt', async (t) => {
  let now = 0;
  const work = createRunningWork(
    () => now,
    () => now,
  );
  const fill = work.begin(FILL);
  now = 5000;
  fill.moved(10);
  fill.learn(100);
  now = 6000;
  t.match(work.list(), [{ movedBytes: 10, idleMs: 1000, length: 100, waitsFor: undefined }]);
});

t.test('the time that a client takes is not held against what comes after it', async (t) => {
  let now = 0;
  const work = createRunningWork(
    () => now,
    () => now,
  );
  const transfer = work.begin({ ...FILL, kind: 'transfer', client: '192.0.2.0/24' });
  transfer.waits('client');
  now = 60_000;
  t.match(work.list(), [{ idleMs: 60_000, waitsFor: 'client' }]);
  transfer.waits('upstream');
  t.match(work.list(), [{ idleMs: 0, waitsFor: 'upstream' }]);
  now = 61_000;
  transfer.waits(undefined);
  t.match(work.list(), [{ idleMs: 1000, waitsFor: undefined }]);
});

t.test('whom a fill waits for is asked, and so does not tell when that changes', async (t) => {
  let now = 0;
  let waitsFor: WaitsFor | undefined = 'readers';
  const work = createRunningWork(
    () => now,
    () => now,
  );
  work.begin(FILL, () => waitsFor);
  now = 600_000;
  t.match(work.list(), [{ idleMs: 600_000, waitsFor: 'readers' }]);
  now = 605_000;
  waitsFor = 'upstream';
  t.match(work.list(), [{ idleMs: 0, waitsFor: 'upstream' }], 'a reader that took its time wants more now');
  now = 610_000;
  t.match(work.list(), [{ idleMs: 5000, waitsFor: 'upstream' }]);
});

t.test('a clock that is set makes nothing idle', async (t) => {
  let unix = 1_000_000;
  let steady = 0;
  const work = createRunningWork(
    () => unix,
    () => steady,
  );
  work.begin({ kind: 'disk', operation: 'write' });
  unix += 3_600_000;
  steady += 10;
  t.match(work.list(), [{ since: 1_000_000, idleMs: 10 }]);
});
