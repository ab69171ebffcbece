import t from 'tap';
import { openSpoolFile, type SpoolFile } from '../../../src/blob/fill/spool-file.ts';
import type { BlobStore } from '../../../src/cache/blob-store.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import { openTestStore } from '../../support/disk-store.ts';
import { createTestClock } from '../../support/test-clock.ts';
import { mustOpen, nothingLeft, openFillScene, PIECE_BYTES, read, until } from './fill-scene.ts';

/** Two windows: what came back before the disk hung counts for the first. */
const HANGS_MS = 20_000;

t.test('K10 a write that does not come back ends the fill, not its readers’ pulls', async (t) => {
  const { store } = await openTestStore(t, { pieceBytes: PIECE_BYTES });
  const comesBack = Promise.withResolvers<void>();
  let hung = 0;
  const hanging: Pick<BlobStore, 'open' | 'openPartial'> = {
    open: (digest) => store.open(digest),
    async openPartial(...wanted) {
      const partial = await store.openPartial(...wanted);
      return (
        partial && {
          ...partial,
          async write(position, bytes) {
            if (position >= 2 * PIECE_BYTES) {
              hung += 1;
              await comesBack.promise;
            }
            await partial.write(position, bytes);
          },
        }
      );
    },
  };
  const rateClock = createTestClock();
  const scene = await openFillScene(t, { store: hanging, rateClock });
  const content = randomContent(6 * PIECE_BYTES);
  const reading = read(scene.pool, await mustOpen(scene.join(content, scene.source(content))));
  await until(() => hung > 0 && reading.bytes().length === 2 * PIECE_BYTES, 'the disk hangs');
  rateClock.pass(HANGS_MS);
  t.match(await reading.ended, { kind: 'failed', failure: { kind: 'internal_error' } });
  comesBack.resolve();
  await nothingLeft(scene);
  t.equal(rateClock.timers, 0);
});

t.test('K10 nor does a reader wait for what it reads or opens', async (t) => {
  for (const operation of ['read', 'open'] as const) {
    const comesBack = Promise.withResolvers<void>();
    let hung = 0;
    let open = 0;
    const rateClock = createTestClock();
    const scene = await openFillScene(t, {
      rateClock,
      async openFile(path): Promise<SpoolFile> {
        if (operation === 'open') {
          hung += 1;
          await comesBack.promise;
        }
        const file = await openSpoolFile(path);
        open += 1;
        return {
          read(buffer, position, done) {
            const isHung = operation === 'read' && position >= PIECE_BYTES;
            if (isHung) hung += 1;
            void (isHung ? comesBack.promise : Promise.resolve()).then(() =>
              file.read(buffer, position, done),
            );
          },
          close() {
            open -= 1;
            file.close();
          },
        };
      },
    });
    const content = randomContent(3 * PIECE_BYTES);
    const joining = scene.join(content, scene.source(content));
    const ended =
      operation === 'open' ? joining : mustOpen(joining).then((blob) => read(scene.pool, blob).ended);
    await until(() => hung > 0, 'the disk hangs');
    rateClock.pass(HANGS_MS);
    if (operation === 'open') t.equal(await ended, undefined, 'it is streamed');
    else t.match(await ended, { kind: 'failed', failure: { kind: 'internal_error' } });
    comesBack.resolve();
    await nothingLeft(scene);
    await until(() => open === 0, 'the file is closed');
    t.equal(rateClock.timers, 0);
    await scene.fills.close();
    await scene.store.close();
  }
});

t.test('a client that takes its time is no disk that hangs', async (t) => {
  const rateClock = createTestClock();
  let reads = 0;
  const scene = await openFillScene(t, {
    rateClock,
    async openFile(path) {
      const file = await openSpoolFile(path);
      return {
        read(buffer, position, done) {
          reads += 1;
          file.read(buffer, position, (error, bytes) => {
            reads -= 1;
            done(error, bytes);
          });
        },
        close: () => file.close(),
      };
    },
  });
  const content = randomContent(3 * PIECE_BYTES);
  const reading = read(scene.pool, await mustOpen(scene.join(content, scene.source(content))), 1);
  await until(() => reading.bytes().length > 0, 'it has begun');
  await until(() => scene.store.usage.entries === 1 && reads === 0, 'nothing is asked of the disk');
  rateClock.pass(3_600_000);
  const resuming = setInterval(() => reading.blob.resume(), 1);
  t.match(await reading.ended, { kind: 'end' });
  clearInterval(resuming);
  t.ok(reading.bytes().equals(content.bytes));
  await nothingLeft(scene);
  t.equal(rateClock.timers, 0);
});
