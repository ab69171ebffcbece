import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { TEST_LIMITS } from '../support/config-defaults.ts';
import { testDirectory } from '../support/test-directory.ts';
import { until } from '../support/until.ts';
import { openScene, type Scene } from './scene.ts';

/** A kept blob whose file can not be opened for as long as nobody writes to it, as on a disk that hangs. */
async function openHung(t: Test): Promise<{ scene: Scene; comesBack: () => void }> {
  const directory = testDirectory(t);
  const scene = await openScene(t, {
    tls: false,
    registry: { delivery: 'inline', scheme: 'http' },
    config: {
      limits: { ...TEST_LIMITS, transfersPerClient: 1 },
      cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 0, directory },
    },
  });
  await scene.send(scene.blobPath);
  await until(
    async () => (await scene.berth.metric('berth_cache_entries', { state: 'published' })) === 1,
    'the blob is kept',
  );
  const blobs = join(directory, 'v1/blobs/sha256');
  const [shard = ''] = readdirSync(blobs);
  const [name = ''] = readdirSync(join(blobs, shard));
  const path = join(blobs, shard, name);
  renameSync(path, `${path}.kept`);
  execFileSync('mkfifo', [path]);
  return {
    scene,
    comesBack() {
      // What waits for a writer goes on when there is one.
      closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
      renameSync(`${path}.kept`, path);
    },
  };
}

t.test('K10 a disk that hangs: the blob is streamed, at once while it still hangs', async (t) => {
  const { scene, comesBack } = await openHung(t);
  try {
    const asked = scene.storage.requests.length;
    for (const headers of [{}, { range: 'bytes=1000-' }] as Record<string, string>[]) {
      const got = await scene.send(scene.blobPath, { headers });
      t.equal(got.ended, 'complete');
      t.ok(got.body.equals('range' in headers ? scene.blob.subarray(1000) : scene.blob));
    }
    t.ok(scene.storage.requests.length >= asked + 2);
    t.equal(await scene.berth.metric('berth_blob_transmit_bytes_total', { source: 'cache' }), 0);
  } finally {
    comesBack();
  }
  await until(async () => {
    const got = await scene.send(scene.blobPath);
    if (!got.body.equals(scene.blob)) throw new Error('wrong bytes');
    return (await scene.berth.metric('berth_blob_cache_requests_total', { result: 'hit' })) > 0;
  }, 'the disk is used again by itself');
});

t.test(
  'K10 a client that leaves does not wait for the disk, nor does its place among transfers',
  async (t) => {
    const { scene, comesBack } = await openHung(t);
    try {
      const leave = Promise.withResolvers<void>();
      const left = scene.send(scene.blobPath, { hangUpWhen: leave.promise }).catch(() => undefined);
      const status = async (): Promise<number> => (await scene.send(scene.blobPath)).status;
      await until(async () => (await status()) === 429, 'it has the only place');
      leave.resolve();
      await left;
      await until(async () => (await status()) === 200, 'another one has its place');
    } finally {
      comesBack();
    }
  },
);
