import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { createBlobLengths } from '../../src/blob/blob-lengths.ts';
import type { BlobPlaces } from '../../src/blob/blob-opener.ts';
import type { BlobSource } from '../../src/blob/blob-source.ts';
import { LocalFailure } from '../../src/blob/local-failure.ts';
import { createBlobResponder } from '../../src/blob/respond-blob.ts';
import { createStoredBlobs } from '../../src/blob/stored-blob.ts';
import { resolveRange } from '../../src/http/range.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createRunningWork } from '../../src/metrics/running-work.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { type BufferPool, createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { UpstreamFailure } from '../../src/upstream/failure.ts';
import { createTestClient } from '../support/http-client.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { memoryBlob } from '../support/memory-blob.ts';
import { createMemorySource, type MemorySource } from '../support/memory-source.ts';
import { parseMultipart } from '../support/parse-multipart.ts';
import { closeServer, listen } from '../support/server.ts';
import { createStoredFile } from '../support/stored-file.ts';
import { until } from '../support/until.ts';

const bytes = pseudoRandomBytes('respond', 2_000_000);
const parsed = parseDigest(digestOf(bytes));
if (parsed.kind !== 'ok') throw new Error('no digest');
const { digest } = parsed;

/** A source that must not be asked: it is down. */
const down: BlobSource = {
  where: 'storage',
  origin: 'https://storage.example',
  start() {
    throw new UpstreamFailure('connection_refused', 'storage', 'down');
  },
  redirected() {
    throw new Error('no redirect');
  },
};

/** A responder behind a server. Without `makeSource` its source is down, so that only the places can have the blob. */
async function openResponder(
  t: Test,
  makePlaces: (pool: BufferPool) => BlobPlaces,
  makeSource?: (pool: BufferPool) => MemorySource,
  hold?: (response: ServerResponse) => boolean,
) {
  const sources: MemorySource[] = [];
  const metrics = createMetrics();
  const pool = createBufferPool(8 * 1024 * 1024);
  const work = createRunningWork(Date.now);
  const responder = createBlobResponder({
    pool,
    metrics,
    lengths: createBlobLengths(),
    places: makePlaces(pool),
    resumeLimits: { baseDelayMs: 1, maxDelayMs: 1 },
    beginWork: (blob) => work.begin({ kind: 'transfer', ...blob, client: 'c', length: undefined }),
  });
  const openSource = async () => {
    if (makeSource === undefined) return down;
    const source = makeSource(pool);
    sources.push(source);
    return source;
  };
  const outcomes: string[] = [];
  const server = createServer((request, response) => {
    if (hold?.(response)) return;
    const exchange = {
      clientAddress: '192.0.2.1',
      method: request.method === 'HEAD' ? ('HEAD' as const) : ('GET' as const),
      headers: request.headers,
      signal: new AbortController().signal,
      takeResponse: () => response,
      failedAmid: () => undefined,
      linkRefused: async () => undefined,
      ended: (outcome: string) => void outcomes.push(outcome),
    };
    responder
      .respond(exchange, {
        registry: 'r',
        digest,
        source: openSource,
        where: 'storage',
        statedLength: undefined,
      })
      .catch((error: unknown) => {
        const { status = 502 } = error as { status?: number };
        response.writeHead(status).end();
      });
  });
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/`;
  const client = createTestClient({});
  t.teardown(async () => {
    client.close();
    await closeServer(server);
  });
  const send = (range?: string, method = 'GET') =>
    client.send(url, { method, headers: range === undefined ? {} : { range } });
  const asked = () => sources.flatMap(({ requests }) => requests);
  return { metrics, pool, outcomes, send, asked, work, port };
}

const log = { warn: () => undefined };

t.test('a stored blob is answered while its source is down, in every form', async (t) => {
  const file = await createStoredFile(t, bytes);
  const { metrics, pool, send, outcomes } = await openResponder(t, (pool) => ({
    stored: createStoredBlobs({ store: { open: () => file.open() }, pool, log }),
  }));
  const head = await send(undefined, 'HEAD');
  t.equal(head.headers['content-length'], String(bytes.length));
  const whole = await send();
  t.equal(whole.status, 200);
  t.ok(whole.body.equals(bytes));
  const suffix = await send('bytes=-10');
  t.equal(suffix.headers['content-range'], `bytes 1999990-1999999/${bytes.length}`);
  t.ok(suffix.body.equals(bytes.subarray(-10)));
  const several = await send('bytes=900000-1900000,0-9,-1');
  t.strictSame(
    parseMultipart(several.headers['content-type'] ?? '', several.body).map(({ body }) => body.length),
    [1_000_001, 10, 1],
  );
  const none = await send('bytes=2000000-');
  t.equal(none.status, 416);
  t.strictSame(outcomes, ['ok', 'ok', 'ok']);
  t.equal(await metrics.blobCacheRequests.value({ result: 'hit' }), 3);
  t.equal(await metrics.rangeRequests.value({ type: 'suffix', source: 'cache' }), 1);
  t.equal(await metrics.rangeRequests.value({ type: 'multiple', source: 'cache' }), 1);
  t.equal(await metrics.rangeRequests.value({ type: 'unsatisfiable', source: 'none' }), 1);
  const counted = [...(await metrics.text()).matchAll(/^berth_range_requests_total\{.*\} (\d+)$/gm)];
  t.equal(
    counted.reduce((sum, [, count]) => sum + Number(count), 0),
    3,
    'each once, and those without a Range not at all',
  );
  t.equal(await metrics.blobTimeToFirstByte.count({ source: 'cache' }), 3);
  t.match(await metrics.text(), /^berth_blob_transmit_bytes_total\{source="cache"\} 300\d{4}$/m);
  t.equal(file.opened(), 0);
  t.equal(pool.bytes.lent, 0);
});

t.test('a disk that fails while the source is down: the answer ends short', async (t) => {
  const file = await createStoredFile(t, bytes);
  const { metrics, send, outcomes } = await openResponder(t, (pool) => ({
    stored: createStoredBlobs({ store: { open: () => file.open() }, pool, log }),
  }));
  file.fault.position = 0;
  t.equal((await send()).status, 502, 'the source, which is down');
  file.fault.position = 1_000_000;
  const short = await send();
  t.equal(short.status, 200);
  t.equal(short.ended, 'short');
  t.ok(short.body.length > 0 && bytes.subarray(0, short.body.length).equals(short.body));
  t.strictSame(outcomes, ['upstream_failed']);
  t.equal(await metrics.blobIncomplete.value({ reason: 'connection_refused' }), 1);
  t.equal(file.opened(), 0);
});

t.test('D9 a disk that fails amid a blob: the rest comes from the source, and is proved', async (t) => {
  const file = await createStoredFile(t, bytes);
  file.fault.position = 1_000_000;
  const wrong = Buffer.from(bytes);
  wrong[1_999_999] = (wrong[1_999_999] ?? 0) ^ 1;
  let has = bytes;
  const { metrics, pool, send, outcomes, asked } = await openResponder(
    t,
    (pool) => ({ stored: createStoredBlobs({ store: { open: () => file.open() }, pool, log }) }),
    (pool) => createMemorySource(has, { pool, chunkBytes: 60_000 }),
  );
  const whole = await send();
  t.equal(whole.ended, 'complete');
  t.ok(whole.body.equals(bytes));
  const part = await send('bytes=900000-1500000');
  t.ok(part.body.equals(bytes.subarray(900_000, 1_500_001)));
  const several = await send('bytes=0-9,900000-1500000,5-20');
  t.ok(several.body.includes(bytes.subarray(900_000, 1_500_001)));
  const ranges = asked().map(({ firstPos, lastPos }) => lastPos - firstPos + 1);
  t.equal(ranges[0], bytes.length, 'the whole is had anew');
  t.ok(
    ranges.slice(1).every((length) => length < 600_001),
    'of a range only the rest',
  );
  const transmitted = async (source: 'cache' | 'upstream') =>
    Number(new RegExp(`transmit_bytes_total\\{source="${source}"\\} (\\d+)`).exec(await metrics.text())?.[1]);
  t.ok((await transmitted('cache')) >= 1_000_000);
  t.ok((await transmitted('upstream')) >= 1_000_000, 'bytes are counted where they came from');

  has = wrong;
  const reset = await send();
  t.not(reset.ended, 'complete');
  t.ok(reset.body.length <= bytes.length - 65_536);
  t.strictSame(outcomes, ['ok', 'ok', 'ok', 'digest_mismatch']);
  t.equal(await metrics.blobDigestMismatches.value({ stage: 'blob' }), 1);
  t.equal(file.opened(), 0);
  t.equal(pool.bytes.lent, 0);
});

t.test('what a fill promises decides the end of a whole blob; ranges do not wait for it', async (t) => {
  let verdict: Promise<boolean> = Promise.resolve(true);
  const { metrics, pool, send, outcomes } = await openResponder(t, (pool) => ({
    fills: {
      join: async ({ range }) =>
        range === undefined
          ? {
              ...memoryBlob(bytes, { firstPos: 0, lastPos: bytes.length - 1 }, { chunkBytes: 50_000, pool }),
              range: undefined,
              verdict: { kind: 'promised', matches: () => verdict },
            }
          : memoryBlob(bytes, { firstPos: 5, lastPos: 9 }, { chunkBytes: 50_000, pool }),
    },
  }));
  t.ok((await send()).body.equals(bytes));
  t.equal((await send('bytes=5-9')).body.length, 5);
  verdict = Promise.resolve(false);
  const wrong = await send();
  t.not(wrong.ended, 'complete');
  t.ok(wrong.body.length <= bytes.length - 65_536);
  verdict = Promise.reject(new UpstreamFailure('http_response_incomplete', 'storage', 'the fill has ended'));
  verdict.catch(() => undefined);
  const open = await send();
  t.equal(open.ended, 'short');
  t.equal(open.body.length, bytes.length - 65_536);
  t.strictSame(outcomes, ['ok', 'ok', 'digest_mismatch', 'upstream_failed']);
  t.equal(await metrics.blobDigestMismatches.value({ stage: 'blob' }), 1);
  t.equal(pool.bytes.lent, 0);
});

t.test('K7 D9 a disk that fails amid a fill: the rest comes from the source, and is proved', async (t) => {
  let has = bytes;
  const wrong = Buffer.from(bytes);
  wrong[1_999_999] = (wrong[1_999_999] ?? 0) ^ 1;
  const { metrics, pool, send, outcomes, asked } = await openResponder(
    t,
    (pool) => ({
      fills: {
        async join({ range }) {
          const wanted = resolveRange(
            range ?? { kind: 'int', firstPos: 0, lastPos: undefined },
            bytes.length,
          );
          if (wanted === undefined) throw new Error('no such range');
          const failure = new LocalFailure('the spool of the blob failed');
          return {
            ...memoryBlob(bytes, wanted, { chunkBytes: 50_000, failsAt: 1_000_000, failure, pool }),
            range: range && wanted,
            ...(range === undefined && {
              verdict: { kind: 'promised', matches: () => Promise.reject(failure) },
            }),
          };
        },
      },
    }),
    (pool) => createMemorySource(has, { pool, chunkBytes: 60_000 }),
  );
  const whole = await send();
  t.equal(whole.ended, 'complete');
  t.ok(whole.body.equals(bytes));
  const part = await send('bytes=900000-1500000');
  t.ok(part.body.equals(bytes.subarray(900_000, 1_500_001)));
  t.strictSame(
    asked().map(({ firstPos, lastPos }) => lastPos - firstPos + 1),
    [bytes.length, 500_001],
    'the whole is had anew, of a range only the rest',
  );
  for (const source of ['fill', 'upstream'] as const) {
    t.match(await metrics.text(), new RegExp(`transmit_bytes_total\\{source="${source}"\\} 1\\d{6}`));
  }
  has = wrong;
  t.not((await send()).ended, 'complete');
  t.strictSame(outcomes, ['ok', 'ok', 'digest_mismatch']);
  t.equal(pool.bytes.lent, 0);
});

t.test('a transfer of which all is at hand waits for its client, however few bytes are left', async (t) => {
  const file = await createStoredFile(t, bytes);
  const held: ServerResponse[] = [];
  const { port, work, outcomes } = await openResponder(
    t,
    (pool) => ({ stored: createStoredBlobs({ store: { open: () => file.open() }, pool, log }) }),
    undefined,
    // The first answer on the connection is not taken: what is behind it gets no byte out.
    (response) => held.length === 0 && held.push(response) > 0,
  );
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const get = (range: string) => `GET / HTTP/1.1\r\nhost: a\r\nrange: bytes=${range}\r\n\r\n`;
  socket.write(get('0-0') + get('0-999') + get('0-299999'));
  await until(() => {
    const transfers = work.list();
    return transfers.length === 2 && transfers.every(({ waitsFor }) => waitsFor === 'client');
  }, 'both wait for the client');
  socket.resume();
  held[0]?.end();
  await until(() => outcomes.length === 2, 'both are delivered');
  t.strictSame(outcomes, ['ok', 'ok']);
  t.strictSame(work.list(), []);
});
