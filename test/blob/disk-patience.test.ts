import t from 'tap';
import { createDiskPatience, DISK_PATIENCE_MS, patientStore } from '../../src/blob/disk-patience.ts';
import type { PartialBlob, StoredBlob } from '../../src/cache/blob-store.ts';
import { contentOf } from '../support/contract/blob-store.ts';
import { createTestClock } from '../support/test-clock.ts';

function open() {
  const clock = createTestClock();
  const told: string[] = [];
  const log = { warn: (_: object, message: string) => void told.push(message) };
  return { clock, told, patience: createDiskPatience({ log, setTimer: clock.setTimer }) };
}

const never = (): never => {
  throw new Error('this was not to be asked');
};

t.test('what comes in time comes as it is', async (t) => {
  const { clock, told, patience } = open();
  t.equal(await patience.wait(async () => 1, never), 1);
  await t.rejects(
    patience.wait(() => Promise.reject(new Error('EIO')), never),
    { message: 'EIO' },
  );
  t.equal(clock.timers, 0);
  t.strictSame(told, []);
});

t.test('what hangs is given up, and until it comes back nothing else is asked', async (t) => {
  const { clock, told, patience } = open();
  const disk = Promise.withResolvers<string>();
  const other = Promise.withResolvers<string>();
  const late: string[] = [];
  const waiting = [disk, other].map(({ promise }) =>
    patience.wait(
      () => promise,
      (value) => late.push(value),
    ),
  );
  clock.pass(DISK_PATIENCE_MS);
  t.strictSame(await Promise.all(waiting), ['late', 'late']);
  t.equal(await patience.wait(never, never), 'late');
  t.equal(told.length, 1, 'it is said once');
  disk.resolve('blob');
  await disk.promise;
  t.strictSame(late, ['blob'], 'whoever opened it closes it');
  t.equal(await patience.wait(never, never), 'late', 'the other one hangs still');
  other.reject(new Error('EIO'));
  await other.promise.catch(() => undefined);
  t.equal(await patience.wait(async () => 'well', never), 'well');
  t.equal(told.length, 2);
  t.equal(clock.timers, 0);
});

t.test('a client that leaves waits no longer, but what hangs hangs for the next one', async (t) => {
  const { clock, patience } = open();
  const disk = Promise.withResolvers<string>();
  const late: string[] = [];
  const leaving = new AbortController();
  const waiting = patience.wait(
    () => disk.promise,
    (value) => late.push(value),
    leaving.signal,
  );
  leaving.abort(new Error('the client has left'));
  await t.rejects(waiting, { message: 'the client has left' });
  await t.rejects(patience.wait(never, never, leaving.signal), { message: 'the client has left' });
  clock.pass(DISK_PATIENCE_MS);
  t.equal(await patience.wait(never, never), 'late');
  disk.resolve('blob');
  await disk.promise;
  t.strictSame(late, ['blob']);
  t.equal(await patience.wait(async () => 'well', never), 'well');
});

t.test('a store that hangs has nothing and takes nothing, and what it opens late is closed', async (t) => {
  const { clock, patience } = open();
  const { digest } = contentOf(Buffer.from('hangs'));
  const stored = Promise.withResolvers<StoredBlob | undefined>();
  const partial = Promise.withResolvers<PartialBlob | undefined>();
  const store = patientStore({ open: () => stored.promise, openPartial: () => partial.promise }, patience);
  const waiting = [store.open(digest), store.openPartial(digest, 10, 'contoso')];
  clock.pass(DISK_PATIENCE_MS);
  t.strictSame(await Promise.all(waiting), [undefined, undefined]);
  const closed: string[] = [];
  stored.resolve({ close: () => void closed.push('stored') } as StoredBlob);
  partial.resolve({
    async close() {
      closed.push('partial');
      throw new Error('EIO');
    },
  } as unknown as PartialBlob);
  await Promise.all([stored.promise, partial.promise]);
  t.strictSame(closed, ['stored', 'partial']);
  t.equal(await store.open(digest).then((blob) => blob !== undefined), true);
});
