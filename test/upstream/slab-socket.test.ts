import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import t from 'tap';
import { Agent } from 'undici';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { type BufferPool, createBufferPool, type Slab } from '../../src/upstream/buffer-pool.ts';
import { createConnector } from '../../src/upstream/connector.ts';
import { createSlabSocket } from '../../src/upstream/slab-socket.ts';
import { startTransfer, type Transfer } from '../../src/upstream/transfer.ts';
import { createTestAuthority } from '../support/ca.ts';

const MIB = 1024 * 1024;
const content = randomBytes(8 * MIB);

type Origin = { origin: string; ca?: string; close(): void };

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function startOrigin(secure: boolean): Promise<Origin> {
  const answer = (url = '/') => {
    const [from = 0, to = content.length] = url.slice(1).split('-').map(Number);
    return content.subarray(from, to);
  };
  if (!secure) {
    const server = createServer((request, response) => response.end(answer(request.url)));
    const port = await listen(server);
    return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
  }
  const authority = await createTestAuthority();
  const { certFile, keyFile } = await authority.issue(['storage.example', '127.0.0.1']);
  const { readFileSync } = await import('node:fs');
  const server = createTlsServer(
    { cert: readFileSync(certFile), key: readFileSync(keyFile) },
    (request, response) => response.end(answer(request.url)),
  );
  const port = await listen(server);
  return { origin: `https://127.0.0.1:${port}`, ca: authority.cert, close: () => server.close() };
}

function createAgent(pool: BufferPool, ca: string | undefined): Agent {
  return new Agent({
    allowH2: false,
    connections: 4,
    keepAliveTimeout: 100,
    connect: createConnector({
      allowedPrivate: { has: () => true },
      ca,
      connectTimeoutMs: 5000,
      openSocket: createSlabSocket(pool),
    }),
  });
}

/** One transfer whose chunks are held for a while, as by a slow client, and then hashed and given back. */
function download(
  agent: Agent,
  pool: BufferPool,
  origin: string,
  path: string,
  holdChunks: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    const held: { chunk: Buffer; slab: Slab | undefined }[] = [];
    const release = (keep: number) => {
      while (held.length > keep) {
        const { chunk, slab } = held.shift() as (typeof held)[number];
        hash.update(chunk);
        pool.unpin(slab);
      }
    };
    const transfer: Transfer = startTransfer(
      agent,
      { origin, path, headers: {}, where: 'storage' },
      { pool, metrics: createMetrics(), startTimeoutMs: 5000 },
      {
        start: () => transfer.resume(),
        data(chunk, slab) {
          held.push({ chunk, slab });
          if (held.length <= holdChunks) return;
          transfer.pause();
          setImmediate(() => {
            release(holdChunks / 2);
            transfer.resume();
          });
        },
        end() {
          release(0);
          resolve(hash.digest('hex'));
        },
        failed: reject,
      },
    );
  });
}

for (const secure of [false, true]) {
  t.test(`${secure ? 'https' : 'http'}: bytes are right and every slab comes back`, async (t) => {
    const origin = await startOrigin(secure);
    const pool = createBufferPool(16 * MIB);
    const agent = createAgent(pool, origin.ca);
    t.teardown(() => origin.close());

    const ranges = Array.from({ length: 60 }, (_, i) => {
      const from = (i * 131_071) % (4 * MIB);
      return { from, to: Math.min(content.length, from + 1 + ((i * 777_777) % (3 * MIB))) };
    });
    await Promise.all(
      ranges.map(async ({ from, to }, i) => {
        const expected = createHash('sha256').update(content.subarray(from, to)).digest('hex');
        const got = await download(agent, pool, origin.origin, `/${from}-${to}`, (i % 3) * 4);
        t.equal(got, expected, `${from}-${to}`);
      }),
    );
    t.ok(pool.bytes.lent + pool.bytes.free <= 16 * MIB, 'the budget holds');
    await agent.close();
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(pool.bytes.lent, 0, 'nothing is lent when every connection is closed');
    t.ok(pool.bytes.free > 0, 'slabs were pooled at all');
  });
}

t.test('without any budget transfers still run, through small unpooled buffers', async (t) => {
  const origin = await startOrigin(false);
  const pool = createBufferPool(0);
  const agent = createAgent(pool, undefined);
  t.teardown(() => origin.close());
  const got = await download(agent, pool, origin.origin, `/0-${content.length}`, 4);
  t.equal(got, createHash('sha256').update(content).digest('hex'));
  await agent.close();
  t.strictSame(pool.bytes, { lent: 0, free: 0 });
});
