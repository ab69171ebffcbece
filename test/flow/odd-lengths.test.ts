import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { parseMultipart } from '../support/parse-multipart.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openScene } from './scene.ts';

const PIECE_BYTES = 128 * 1024;
/** Of the end that waits for the verdict (D9). */
const HELD_BYTES = 64 * 1024;

const LENGTHS = [
  0,
  1,
  2,
  HELD_BYTES - 1,
  HELD_BYTES,
  HELD_BYTES + 1,
  PIECE_BYTES - 1,
  PIECE_BYTES,
  PIECE_BYTES + 1,
  2 * PIECE_BYTES,
  2 * PIECE_BYTES + 1,
];

for (const algorithm of ['sha256', 'sha512'] as const) {
  for (const length of LENGTHS) {
    t.test(`K2 D5 D6 ${length} bytes, ${algorithm}: range, several, whole, HEAD; cold, kept`, async (t) => {
      const blob = pseudoRandomBytes('odd length', length);
      const cache = {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 0,
        directory: testDirectory(t),
        pieceBytes: PIECE_BYTES,
      };
      const scene = await openScene(t, { blob, algorithm, config: { cache } });
      const url = await scene.ticketUrl();
      const kept = () => scene.berth.metric('berth_cache_entries', { state: 'published' });
      for (const state of ['cold', 'kept'] as const) {
        const last = await scene.send(url, { headers: { range: 'bytes=-1' } });
        t.equal(last.status, length === 0 ? 416 : 206, `${state}: the last byte`);
        if (length > 0) t.ok(last.body.equals(blob.subarray(-1)));
        const ends = await scene.send(url, { headers: { range: 'bytes=0-0,-1' } });
        if (length > 1) {
          const parts = parseMultipart(ends.headers['content-type'] ?? '', ends.body);
          t.strictSame(
            parts.map(({ body }) => body),
            [blob.subarray(0, 1), blob.subarray(-1)],
            `${state}: both ends`,
          );
        } else t.equal(ends.status, length === 0 ? 416 : 206);
        const beyond = await scene.send(url, { headers: { range: `bytes=${length}-` } });
        t.equal(beyond.status, 416, `${state}: behind the end`);
        t.equal(beyond.headers['content-range'], `bytes */${length}`);
        const all = await scene.send(url, { headers: { range: `bytes=0-${length + 10}` } });
        t.equal(all.status, length === 0 ? 416 : 206);
        if (length > 0) t.ok(all.body.equals(blob), `${state}: all as a range`);
        const whole = await scene.send(url);
        t.equal(whole.status, 200);
        t.equal(whole.ended, 'complete');
        t.ok(whole.body.equals(blob), `${state}: the whole`);
        const head = await scene.send(url, { method: 'HEAD' });
        t.equal(head.headers['content-length'], String(length), `${state}: HEAD`);
        if (state === 'cold')
          while ((await kept()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      t.equal(await scene.berth.metric('berth_blob_incomplete_total'), 0);
    });
  }
}
