import { once } from 'node:events';
import { readdirSync, truncateSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openScene, type Scene } from './scene.ts';

// More than the kernel's buffers take for a client that reads nothing.
const BLOB_BYTES = 40 * 1024 * 1024;

async function fact(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The content of an answer to a client that stands still while `act` is done. */
async function readAcross(scene: Scene, field: string, act: () => void): Promise<Buffer> {
  const socket = connect(scene.berth.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  const sent = () => scene.berth.metric('berth_blob_transmit_bytes_total', { source: 'cache' });
  const before = await sent();
  socket.write(
    `GET ${scene.blobPath} HTTP/1.1\r\nHost: contoso.registry.example\r\nConnection: close\r\n${field}\r\n`,
  );
  await fact(async () => (await sent()) > before);
  act();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
}

async function openKept(t: Test): Promise<{ scene: Scene; path: string }> {
  const directory = testDirectory(t);
  const scene = await openScene(t, {
    tls: false,
    blobBytes: BLOB_BYTES,
    registry: { delivery: 'inline', scheme: 'http' },
    config: { cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 0, directory } },
  });
  await scene.send(scene.blobPath);
  await fact(async () => (await scene.berth.metric('berth_cache_entries', { state: 'published' })) === 1);
  const blobs = join(directory, 'v1/blobs/sha256');
  const [shard = ''] = readdirSync(blobs);
  const [name = ''] = readdirSync(join(blobs, shard));
  return { scene, path: join(blobs, shard, name) };
}

t.test('K7 D9 a kept blob that is cut while it is read goes on from its source, and is proved', async (t) => {
  const { scene, path } = await openKept(t);
  const asked = scene.storage.requests.length;
  const got = await readAcross(scene, '', () => truncateSync(path, BLOB_BYTES - 100_000));
  t.ok(got.equals(scene.blob));
  t.ok(scene.storage.requests.length > asked);
  t.equal(await scene.berth.metric('berth_cache_evictions_total', { reason: 'damaged' }), 1);
  await fact(async () => (await scene.berth.metric('berth_cache_entries', { state: 'published' })) === 1);
  t.equal((await scene.send(scene.blobPath)).body.length, BLOB_BYTES, 'and is kept again');
});

t.test('K7 so does a range, at the byte where it stopped', async (t) => {
  const { scene, path } = await openKept(t);
  const got = await readAcross(scene, 'Range: bytes=10-\r\n', () => truncateSync(path, 30 * 1024 * 1024));
  t.ok(got.equals(scene.blob.subarray(10)));
  t.equal(await scene.berth.metric('berth_blob_incomplete_total'), 0);
});
