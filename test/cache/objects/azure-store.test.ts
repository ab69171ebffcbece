import t from 'tap';
import { openAzureStore } from '../../../src/cache/objects/azure-store.ts';
import { ObjectStoreError } from '../../../src/cache/objects/object-store.ts';
import { startAzurite } from '../../support/azurite.ts';
import { createTestAuthority } from '../../support/ca.ts';
import { contentOfBytes, objectStoreContract } from '../../support/contract/object-store.ts';

const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const azurite = await startAzurite(authority, ['berthshared']);
t.teardown(() => azurite.close());
await azurite.createContainer('berthshared', 'blobs');
const url = `https://127.0.0.1:${azurite.port}/berthshared/blobs`;
const key = { kind: 'key', account: 'berthshared', key: azurite.accountKey('berthshared') } as const;
const authorities = authority.cert;
const never = new AbortController().signal;

await t.test('contract, with an account key', async (t) => {
  const store = await openAzureStore({ url, credentials: key, authorities, timeoutMs: 30_000 });
  t.teardown(() => store.close());
  await objectStoreContract(t, store);
});

await t.test('what it refuses is an error that holds no secret', async (t) => {
  const wrong = { ...key, key: Buffer.from('not the key').toString('base64') };
  const query = 'sv=2022-11-02&sp=rw&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D';
  for (const credentials of [wrong, { kind: 'sas', query } as const]) {
    const store = await openAzureStore({ url, credentials, authorities, timeoutMs: 30_000 });
    t.teardown(() => store.close());
    const error = await store.put('x', contentOfBytes(Buffer.from('x')), never).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof ObjectStoreError)) throw new Error('it was not refused');
    t.equal(error.status, 403);
    t.notMatch(error.message, /sig=|c2Vj/);
  }
});

await t.test('a container that is not there, and a server that is not', async (t) => {
  const elsewhere = `https://127.0.0.1:${azurite.port}/berthshared/none`;
  const store = await openAzureStore({ url: elsewhere, credentials: key, authorities, timeoutMs: 30_000 });
  t.teardown(() => store.close());
  await t.rejects(store.put('x', contentOfBytes(Buffer.from('x')), never), { name: /./, status: 404 });
  const gone = await openAzureStore({
    url: 'https://127.0.0.1:1/a/b',
    credentials: key,
    authorities,
    timeoutMs: 30_000,
  });
  t.teardown(() => gone.close());
  await t.rejects(gone.length('x', never), { code: 'object_store_failed', status: undefined });
});
