import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { resolveRange } from '../../src/http/range.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { TEST_LIMITS } from '../support/config-defaults.ts';
import type { TestResponse } from '../support/http-client.ts';
import { parseMultipart } from '../support/parse-multipart.ts';
import { formatSpec, rangeSpecs } from '../support/range-specs.ts';
import { accessLine, errorOf, openScene, type Scene, stableHeaders } from './scene.ts';

const SIZE = 1_000_000;

/** A thousand ranges do not fit into the header section that tests allow; into the default one they do. */
const LIMITS = { ...TEST_LIMITS, headerBytes: 32 * 1024 };

/** The parts as `from-to`, after a look at every byte of theirs. */
function partsOf(t: Pick<Tap, 'ok' | 'equal'>, scene: Scene, got: TestResponse): string[] {
  return parseMultipart(got.headers['content-type'] ?? '', got.body).map(({ headers, body }) => {
    const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
    t.equal(headers['content-type'], 'application/octet-stream');
    t.equal(size, String(scene.blob.length));
    t.ok(body.equals(scene.blob.subarray(Number(from), Number(to) + 1)), `bytes ${from}-${to}`);
    return `${from}-${to}`;
  });
}
type Tap = typeof t;

const rangesSeen = (scene: Scene) => scene.storage.requests.map(({ headers }) => headers.range);

t.test('D5 several ranges are a part each, in the order asked for', async (t) => {
  const scene = await openScene(t, { blobBytes: SIZE });
  const url = await scene.ticketUrl();
  const range = `bytes=0-0,500000-599999,-1,10-19,20-29,999990-2000000,${SIZE}-`;
  const got = await scene.send(url, { headers: { range } });
  t.equal(got.status, 206);
  t.equal(got.ended, 'complete');
  t.equal(got.headers['content-length'], String(got.body.length));
  t.strictSame(partsOf(t, scene, got), ['0-0', '500000-599999', '999990-999999', '10-19', '20-29']);
  const { 'content-type': type, 'content-length': _length, ...multiple } = stableHeaders(got);
  const { 'content-type': _type, 'content-length': _whole, ...whole } = stableHeaders(await scene.send(url));
  t.strictSame(multiple, whole, 'but for type and length the fields of the whole; no Content-Range');
  t.match(type, /^multipart\/byteranges; boundary=[0-9a-f]{32}$/);
  t.not(
    (await scene.send(url, { headers: { range } })).headers['content-type'],
    type,
    'another boundary each time',
  );
  t.equal(await scene.berth.metric('berth_range_requests_total', { type: 'multiple' }), 2);
  await accessLine(scene, ({ status, outcome }) => status === 206 && outcome === 'ok');
});

t.test('D5 storage sees single absolute ranges, near ones as one', async (t) => {
  const scene = await openScene(t, { blobBytes: SIZE });
  const url = await scene.ticketUrl();
  await scene.send(url, { method: 'HEAD' });
  scene.storage.requests.length = 0;
  const got = await scene.send(url, { headers: { range: 'bytes=0-9,30000-30009,200000-200009,-10' } });
  partsOf(t, scene, got);
  t.strictSame(rangesSeen(scene), ['bytes=0-30009', 'bytes=200000-200009', 'bytes=999990-999999']);
});

t.test('D5 as many ranges as zstd:chunked clients ask for, in at most 64 requests', async (t) => {
  const scene = await openScene(t, { blobBytes: 8_000_000, config: { limits: LIMITS } });
  const url = await scene.ticketUrl();
  // Every second file of a layer: end to end, near and far.
  const wanted = Array.from(
    { length: 1024 },
    (_, n) => `${n * 7800}-${n * 7800 + (n % 3 === 0 ? 7799 : 99)}`,
  );
  const got = await scene.send(url, { headers: { range: `bytes=${wanted.join(',')}` } });
  t.strictSame(partsOf(t, scene, got), wanted);
  t.ok(scene.storage.requests.length <= 64);
});

t.test(
  'D5 where one is left it is a plain 206; too many, another unit and nonsense are the whole',
  async (t) => {
    const scene = await openScene(t);
    const size = scene.blob.length;
    const url = await scene.ticketUrl();
    for (const [range, contentRange] of [
      [`bytes=5-9,${size}-`, '5-9'],
      ['bytes=5-9,7-19,0-5', '0-19'],
      ['bytes=5-9,500-0', '5-9'],
      [`bytes=-3,${size - 1}-`, `${size - 3}-${size - 1}`],
    ] as const) {
      const got = await scene.send(url, { headers: { range } });
      t.equal(got.status, 206, range);
      t.equal(got.headers['content-range'], `bytes ${contentRange}/${size}`);
      t.equal(got.headers['content-type'], 'application/octet-stream');
      const [from = 0, to = 0] = contentRange.split('-').map(Number);
      t.ok(got.body.equals(scene.blob.subarray(from, to + 1)));
    }
    const tooMany = `bytes=${Array.from({ length: 1025 }, (_, n) => `${n * 2}-${n * 2}`).join(',')}`;
    const backwards = `bytes=${Array.from({ length: 65 }, (_, n) => `${1000 - n * 2}-${1000 - n * 2}`).join(',')}`;
    for (const range of [tooMany, backwards, 'items=0-1', 'bytes=a-b', 'bytes=', 'bytes=0-1,x']) {
      const got = await scene.send(url, { headers: { range } });
      t.equal(got.status, 200, range.slice(0, 20));
      t.ok(got.body.equals(scene.blob));
    }
  },
);

t.test('D6 none of several ranges is there: 416', async (t) => {
  const scene = await openScene(t);
  const size = scene.blob.length;
  for (const stated of [true, false]) {
    const url = await scene.ticketUrl();
    if (stated) await scene.send(url, { method: 'HEAD' });
    const got = await scene.send(url, { headers: { range: `bytes=${size}-,-0,${size + 5}-${size + 6}` } });
    t.equal(got.status, 416);
    t.equal(got.headers['content-range'], `bytes */${size}`);
    t.equal(errorOf(got).code, 'SIZE_INVALID');
  }
  const empty = await openScene(t, { blobBytes: 0 });
  const none = await empty.send(await empty.ticketUrl(), { headers: { range: 'bytes=0-1,-1' } });
  t.equal(none.status, 416);
  t.equal(none.headers['content-range'], 'bytes */0');
});

t.test('D7 a source that ignores Range is read once; ranges that go back are the whole then', async (t) => {
  const scene = await openScene(t, { blobBytes: SIZE });
  scene.storage.fault = { kind: 'ignoresRange' };
  const url = await scene.ticketUrl();
  const ascending = await scene.send(url, { headers: { range: 'bytes=0-9,300000-300009,900000-900009' } });
  t.equal(ascending.status, 206);
  t.strictSame(partsOf(t, scene, ascending), ['0-9', '300000-300009', '900000-900009']);
  t.equal(scene.storage.requests.length, 2, 'the question for the length, and one transfer');
  const back = await scene.send(url, { headers: { range: 'bytes=900000-900009,0-9' } });
  t.equal(back.status, 200);
  t.ok(back.body.equals(scene.blob));
  t.equal(scene.storage.requests.length, 4);

  for (const how of ['shifted', 'otherTotal', 'noContentRange', 'badContentRange'] as const) {
    scene.storage.fault = null;
    await scene.send(url, { method: 'HEAD' });
    scene.storage.fault = { kind: 'liesAboutRange', how };
    const lie = await scene.send(url, { headers: { range: 'bytes=0-9,300000-300009' } });
    t.equal(lie.status, 502, how);
  }
});

t.test('D8 If-Range and If-None-Match hold for several ranges, too', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const tag = `"${scene.digest}"`;
  const range = 'bytes=0-9,100-109';
  t.equal((await scene.send(url, { headers: { range, 'if-range': tag } })).status, 206);
  t.equal((await scene.send(url, { headers: { range, 'if-range': '"other"' } })).status, 200);
  t.equal((await scene.send(url, { headers: { range, 'if-none-match': tag } })).status, 304);
  const head = await scene.send(url, { method: 'HEAD', headers: { range } });
  t.equal(head.status, 200);
  t.equal(head.headers['content-length'], String(scene.blob.length));
});

t.test(
  'D10 D11 a source that fails before the first part is an error, in a later one the end (FIN)',
  async (t) => {
    const scene = await openScene(t, { blobBytes: SIZE });
    const url = await scene.ticketUrl();
    const headers = { range: 'bytes=0-99999,300000-399999' };
    await scene.send(url, { method: 'HEAD' });
    for (const [status, answer] of [
      [403, 403],
      [404, 502],
      [503, 503],
    ] as const) {
      scene.storage.fault = { kind: 'status', status };
      t.equal((await scene.send(url, { headers })).status, answer);
    }
    const faults = [
      { kind: 'cutAfter', bytes: 50_000, how: 'fin' },
      { kind: 'cutAfter', bytes: 50_000, how: 'reset' },
    ] as const;
    for (const fault of faults) {
      scene.storage.fault = fault;
      const got = await scene.send(url, { headers });
      if (got.status === 206) t.equal(got.ended, 'short');
      else t.equal(got.status, 502);
    }
    // Sound for the first run, broken for the second.
    scene.storage.fault = null;
    const seen = scene.storage.requests.length;
    const later = scene.send(url, { headers });
    while (scene.storage.requests.length === seen) await new Promise((resolve) => setImmediate(resolve));
    scene.storage.fault = { kind: 'status', status: 404 };
    const got = await later;
    t.equal(got.status, 206);
    t.equal(got.ended, 'short');
    await accessLine(
      scene,
      ({ outcome, failure }) => outcome === 'upstream_failed' && failure === 'http_request_error',
    );
    scene.storage.fault = null;
    t.equal((await scene.send(url, { headers })).ended, 'complete', 'the next request is not harmed');
  },
);

t.test('D5 any set of ranges over any blob is its slices, over the wire', async (t) => {
  for (const blobBytes of [1, 100, 65_537, 300_000]) {
    const scene = await openScene(t, { blobBytes });
    const url = await scene.ticketUrl();
    await fc.assert(
      fc.asyncProperty(
        rangeSpecs(blobBytes).filter((specs) => specs.length > 0),
        fc.boolean(),
        async (specs, ignoresRange) => {
          scene.storage.fault = ignoresRange ? { kind: 'ignoresRange' } : null;
          const got = await scene.send(url, {
            headers: { range: `bytes=${specs.map(formatSpec).join(', ')}` },
          });
          assert.equal(got.ended, 'complete');
          const ranges = satisfiableRanges(specs, blobBytes);
          if (got.status === 416) {
            assert.ok(specs.every((spec) => resolveRange(spec, blobBytes) === undefined));
            return;
          }
          if (got.status === 200) {
            assert.ok(ignoresRange && got.body.equals(scene.blob));
            return;
          }
          assert.equal(got.status, 206);
          const parts =
            ranges.length === 1
              ? [{ headers: got.headers, body: got.body }]
              : parseMultipart(got.headers['content-type'] ?? '', got.body);
          assert.equal(parts.length, ranges.length);
          for (const [index, { firstPos, lastPos }] of ranges.entries()) {
            assert.equal(parts[index]?.headers['content-range'], `bytes ${firstPos}-${lastPos}/${blobBytes}`);
            assert.ok(parts[index]?.body.equals(scene.blob.subarray(firstPos, lastPos + 1)));
          }
        },
      ),
      { numRuns: 50 },
    );
    t.equal((await scene.berth.metric('berth_buffer_pool_bytes', { state: 'in_use' })) >= 0, true);
  }
});
