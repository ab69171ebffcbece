import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sharedNames } from '../../src/blob/shared/shared-names.ts';
import { openObjectStore } from '../../src/cache/objects/open-object-store.ts';
import type { ObjectStoreConfig } from '../../src/config/config.ts';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { contentOf } from '../support/contract/blob-store.ts';
import { contentOfBytes } from '../support/contract/object-store.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { startS3 } from '../support/s3.ts';
import { testDirectory } from '../support/test-directory.ts';
import { until } from '../support/until.ts';
import { openReplicas, type ReplicasScene } from './replicas-scene.ts';
import type { Scene } from './scene.ts';

const PIECE = 256 * 1024;
const blob = pseudoRandomBytes('shared', 24 * PIECE + 777);
const server = await startS3();
t.teardown(() => server.close());
let prefixes = 0;

type S3Config = Extract<ObjectStoreConfig, { readonly kind: 's3' }>;
type SharedScene = ReplicasScene & {
  readonly proxy: FaultProxy;
  readonly first: Scene;
  /** What replicas have in common. */
  readonly store: S3Config;
};

async function openShared(
  t: Test,
  count: number,
  options: { timeoutSeconds?: number } = {},
): Promise<SharedScene> {
  const proxy = await startFaultProxy(server.url);
  const store: S3Config = {
    kind: 's3',
    url: proxy.url,
    bucket: server.bucket,
    region: 'us-east-1',
    prefix: `test-${(prefixes += 1)}/`,
    caFile: null,
    credentialsFile: server.credentialsFile,
    timeoutSeconds: options.timeoutSeconds ?? 10,
  };
  const directory = testDirectory(t);
  const scene = await openReplicas(t, count, {
    blob,
    configOf: (index) => ({
      cache: {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 1024 * 1024,
        directory: join(directory, `cache-${index}`),
        pieceBytes: PIECE,
        store,
      },
    }),
  });
  t.teardown(() => proxy.close());
  const [first] = scene.replicas;
  if (first === undefined) throw new Error('there is one');
  return { ...scene, proxy, first, store };
}

/** Bytes of storage, of all replicas. */
async function fetched({ replicas }: SharedScene): Promise<number> {
  const each = replicas.map(({ berth }) =>
    berth.metric('berth_upstream_bytes_total', { upstream: 'storage' }),
  );
  return (await Promise.all(each)).reduce((sum, bytes) => sum + bytes, 0);
}

async function pull(t: Test, replica: Scene): Promise<void> {
  const answer = await replica.send(await replica.ticketUrl());
  t.equal(answer.status, 200);
  t.ok(answer.body.equals(blob), 'every byte');
}

function untilUploaded({ berth }: Scene): Promise<void> {
  return until(
    async () => (await berth.metric('berth_shared_uploads_total', { result: 'stored' })) === 1,
    'the blob is in the store',
  );
}

t.test('M6 what one replica has verified another has from the store, verified again', async (t) => {
  const scene = await openShared(t, 2);
  const [one, other] = scene.replicas;
  if (one === undefined || other === undefined) throw new Error('there are two');
  await pull(t, one);
  await untilUploaded(one);
  const before = await fetched(scene);
  await pull(t, other);
  t.equal(await fetched(scene), before, 'nothing more of storage');
  t.ok((await other.berth.metric('berth_shared_reads_total', { from: 'blob' })) > 0);
  await until(
    async () => (await other.berth.metric('berth_fills_total', { result: 'published' })) === 1,
    'it is on the disk of the other one, too',
  );
});

t.test('M6 of replicas that are asked at once, one fetches', async (t) => {
  const scene = await openShared(t, 3);
  await Promise.all([...scene.replicas, ...scene.replicas].map((replica) => pull(t, replica)));
  const ratio = (await fetched(scene)) / blob.length;
  t.ok(ratio < 1.05, `storage was asked for ${ratio.toFixed(3)} × the blob`);
  t.comment(`storage was asked for ${ratio.toFixed(3)} × the blob`);
});

t.test(
  'M7 what is wrong in the store reaches nobody whole, is removed there, and the source is asked',
  async (t) => {
    const scene = await openShared(t, 2);
    const [one, other] = scene.replicas;
    if (one === undefined || other === undefined) throw new Error('there are two');
    await pull(t, one);
    await untilUploaded(one);
    scene.proxy.alter = (chunk) =>
      chunk.length < 5000 ? chunk : Buffer.concat([chunk.subarray(0, -1), Buffer.of(1)]);
    const cut = await other.send(await other.ticketUrl());
    t.ok(cut.body.length < blob.length, 'not whole');
    await until(() => Promise.resolve(scene.proxy.methods.includes('DELETE')), 'it is removed');
    scene.proxy.alter = undefined;
    await pull(t, other);
    t.equal(await other.berth.metric('berth_blob_digest_mismatches_total', { stage: 'fill' }), 1);
  },
);

for (const [name, content] of [
  ['shorter', blob.subarray(0, 20 * PIECE)],
  ['longer', Buffer.concat([blob, blob.subarray(0, 3 * PIECE)])],
  ['empty', Buffer.alloc(0)],
] as const) {
  t.test(`M7 one that is ${name} in the store reaches nobody, and is put right there`, async (t) => {
    const { first, store } = await openShared(t, 1);
    const objects = await openObjectStore(store);
    t.teardown(() => objects.close());
    const never = new AbortController().signal;
    const at = sharedNames('', contentOf(blob).digest, PIECE).blob;
    t.equal(await objects.put(at, contentOfBytes(content), never), 'stored');
    const begun = await first.send(await first.ticketUrl());
    t.ok(begun.body.equals(blob) || begun.body.length !== Number(begun.headers['content-length']));
    await pull(t, first);
    await until(async () => (await objects.length(at, never)) === blob.length, 'it is put right');
    t.equal(await first.berth.metric('berth_object_store_away'), 0, 'the store is none the worse for it');
  });
}

for (const fault of [
  'silence',
  'cut',
  { status: 403 },
  { status: 404 },
  { status: 500 },
  { status: 507 },
] as const) {
  const name = typeof fault === 'object' ? String(fault.status) : fault;
  t.test(`M8 a store that fails (${name}) costs nobody a pull, and is taken up again`, async (t) => {
    const scene = await openShared(t, 2, { timeoutSeconds: 1 });
    const [one, other] = scene.replicas;
    if (one === undefined || other === undefined) throw new Error('there are two');
    scene.proxy.fault = fault;
    for (const replica of scene.replicas) await pull(t, replica);
    const results = ['failed', 'elsewhere', 'exists', 'stored', 'dropped'];
    await until(async () => {
      const counts = results.map((result) => one.berth.metric('berth_shared_uploads_total', { result }));
      return (await Promise.all(counts)).some((count) => count > 0);
    }, 'the upload was tried');
    t.equal(await one.berth.metric('berth_shared_upload_queue_length'), 0);
    scene.proxy.fault = 'none';
    await until(
      async () => (await one.berth.metric('berth_object_store_away')) === 0,
      'it may be asked again',
    );
  });
}

t.test('M8 while the state is away each replica fetches for itself, and uses the store', async (t) => {
  const scene = await openShared(t, 2);
  await scene.redis.kill();
  const [one, other] = scene.replicas;
  if (one === undefined || other === undefined) throw new Error('there are two');
  await pull(t, one);
  await untilUploaded(one);
  const before = await fetched(scene);
  await pull(t, other);
  t.equal(await fetched(scene), before);
});
