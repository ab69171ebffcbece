import t from 'tap';
import { ObjectStoreError } from '../../../src/cache/objects/object-store.ts';
import { openS3Store } from '../../../src/cache/objects/s3-store.ts';
import { contentOfBytes, objectStoreContract } from '../../support/contract/object-store.ts';
import { startS3 } from '../../support/s3.ts';

const server = await startS3();
t.teardown(() => server.close());
const common = {
  endpoint: server.url,
  bucket: server.bucket,
  region: 'us-east-1',
  authorities: undefined,
  timeoutMs: 30_000,
};
const never = new AbortController().signal;

await t.test('contract', async (t) => {
  const store = await openS3Store({ ...common, credentials: server.credentials });
  t.teardown(() => store.close());
  await objectStoreContract(t, store);
});

await t.test('what it refuses is an error that holds no secret', async (t) => {
  const credentials = { accessKeyId: 'berth', secretAccessKey: 'a-wrong-secret' };
  const store = await openS3Store({ ...common, credentials });
  t.teardown(() => store.close());
  const error = await store.put('x', contentOfBytes(Buffer.from('x')), never).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ObjectStoreError)) throw new Error('it was not refused');
  t.equal(error.status, 403);
  t.notMatch(error.message, /wrong-secret/);
});

await t.test('a bucket that is not there, and a server that is not', async (t) => {
  const store = await openS3Store({ ...common, bucket: 'none', credentials: server.credentials });
  t.teardown(() => store.close());
  await t.rejects(store.put('x', contentOfBytes(Buffer.from('x')), never), { name: /./, status: 404 });
  const gone = await openS3Store({
    ...common,
    endpoint: 'http://127.0.0.1:1',
    credentials: server.credentials,
  });
  t.teardown(() => gone.close());
  await t.rejects(gone.length('x', never), { code: 'object_store_failed', status: undefined });
});
