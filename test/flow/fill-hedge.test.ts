import { join } from 'node:path';
import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openResumeScene } from './resuming.ts';

const PIECE_BYTES = 64 * 1024;
const PIECES = 32;

t.test('K9 a connection that stands still is overtaken long before its timeout', async (t) => {
  const blob = pseudoRandomBytes('hedge', PIECES * PIECE_BYTES);
  const scene = await openResumeScene(t, {
    blob,
    config: {
      cache: {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 1024 * 1024,
        directory: join(testDirectory(t), 'cache'),
        pieceBytes: PIECE_BYTES,
      },
    },
  });
  const { one, berth } = scene;
  // Enough that are as fast as they can be, and one that never answers.
  for (let request = 0; request < 20; request += 1) one.acts.push({});
  one.acts.push({ silent: true });
  const { status, body } = await scene.send(await scene.ticketUrl());
  t.equal(status, 200);
  t.ok(body.equals(blob));
  t.ok((await berth.metric('berth_fill_hedges_total', { result: 'won' })) >= 1);
  t.equal(
    await berth.metric('berth_blob_resumes_total', { reason: 'stall' }),
    0,
    'no timeout was waited for',
  );
  const bytes = await berth.metric('berth_upstream_bytes_total', { upstream: 'storage' });
  t.ok(bytes <= blob.length * 1.05, `${bytes} of ${blob.length}`);
});
