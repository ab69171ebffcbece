import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { TEST_TIMEOUTS } from '../support/config-defaults.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openScene, type Scene } from './scene.ts';

const BLOB_BYTES = 8 * 1024 * 1024;

/** Blobs inline over plain http, so that a client is a socket of the test's own. */
async function openInline(t: Test, { cached = false, idleSeconds = 10 } = {}): Promise<Scene> {
  const scene = await openScene(t, {
    tls: false,
    blobBytes: BLOB_BYTES,
    registry: { delivery: 'inline', scheme: 'http' },
    config: {
      cache: {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 0,
        directory: cached ? join(testDirectory(t), 'cache') : null,
      },
      timeouts: { ...TEST_TIMEOUTS, idleSeconds },
    },
  });
  if (cached) {
    await scene.send(scene.blobPath);
    await fact(async () => (await scene.berth.metric('berth_cache_entries', { state: 'published' })) === 1);
  }
  return scene;
}

async function openSocket(t: Test, { berth }: Scene): Promise<Socket> {
  const socket = connect({ port: berth.port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const get = (path: string, ...fields: string[]) =>
  ['GET ' + path + ' HTTP/1.1', 'Host: contoso.registry.example', ...fields, '', ''].join('\r\n');

/** Waits until it is so, and fails where it does not become so. */
async function fact(is: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await is())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Nothing is held for a client that is gone: no exchange, no buffer, no connection to storage under way. */
async function nothingIsLeft({ berth }: Scene): Promise<void> {
  await fact(async () => (await berth.metric('berth_http_requests_in_flight')) === 0);
  await fact(async () => (await berth.metric('berth_buffer_pool_bytes', { state: 'in_use' })) === 0);
  await fact(async () => (await berth.metric('berth_connections_open')) <= 1);
}

for (const cached of [false, true]) {
  const from = cached ? 'from the cache' : 'from storage';

  t.test(`H7 a client that leaves with requests in its pipeline, ${from}`, async (t) => {
    const scene = await openInline(t, { cached });
    const socket = await openSocket(t, scene);
    socket.pause();
    socket.write(get(scene.blobPath).repeat(4));
    await fact(async () => (await scene.berth.metric('berth_http_requests_in_flight')) === 4);
    await fact(async () => (await scene.berth.metric('berth_blob_transmit_bytes_total')) > 1_000_000);
    // Each has been answered: one that still asks its source when the client leaves is no body that was cut.
    await fact(
      async () =>
        (await scene.berth.metric('berth_blob_time_to_first_byte_seconds_count')) >= (cached ? 5 : 4),
    );
    socket.destroy();
    await nothingIsLeft(scene);
    t.equal(await scene.berth.metric('berth_blob_incomplete_total', { reason: 'client_closed' }), 4);
    t.equal((await scene.send(scene.blobPath)).body.length, BLOB_BYTES);
  });

  t.test(`D5 requests in one pipeline are answered in their order, ${from}`, async (t) => {
    const scene = await openInline(t, { cached });
    const socket = await openSocket(t, scene);
    socket.write(
      get(scene.blobPath) +
        get(scene.blobPath, 'Range: bytes=5-9') +
        get(scene.blobPath, 'Range: bytes=-3,0-1') +
        get(scene.blobPath, 'Range: bytes=7000000-', 'Connection: close'),
    );
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const got = Buffer.concat(chunks);
    const statuses = [...got.toString('latin1').matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    t.strictSame(statuses, ['200', '206', '206', '206']);
    t.ok(got.includes(scene.blob), 'the whole');
    t.ok(got.subarray(-(BLOB_BYTES - 7_000_000)).equals(scene.blob.subarray(7_000_000)), 'the last');
    await nothingIsLeft(scene);
  });

  // Node takes it so; no client of a registry closes the one half and reads on from the other.
  t.test(`H7 a client that closes its half of the connection has left, ${from}`, async (t) => {
    const scene = await openInline(t, { cached });
    const socket = await openSocket(t, scene);
    socket.end(get(scene.blobPath));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    t.ok(Buffer.concat(chunks).length < BLOB_BYTES);
    await nothingIsLeft(scene);
    t.equal((await scene.send(scene.blobPath)).body.length, BLOB_BYTES);
  });

  t.test(`L1 a client that takes nothing any more is let go, ${from}`, async (t) => {
    const scene = await openInline(t, { cached, idleSeconds: 1 });
    const socket = await openSocket(t, scene);
    socket.pause();
    socket.write(get(scene.blobPath));
    await fact(async () => (await scene.berth.metric('berth_blob_transmit_bytes_total')) > 100_000);
    await nothingIsLeft(scene);
    t.equal(await scene.berth.metric('berth_blob_incomplete_total'), 1);
  });
}
