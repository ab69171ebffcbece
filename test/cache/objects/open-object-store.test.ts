import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { openObjectStore } from '../../../src/cache/objects/open-object-store.ts';
import { contentOfBytes } from '../../support/contract/object-store.ts';
import { startS3 } from '../../support/s3.ts';
import { testDirectory } from '../../support/test-directory.ts';

const never = new AbortController().signal;
const common = { prefix: 'berth/', caFile: null, timeoutSeconds: 10 };

async function file(t: Test, text: string): Promise<string> {
  const path = join(testDirectory(t), 'credentials');
  await writeFile(path, text);
  return path;
}

await t.test('objects are below the prefix', async (t) => {
  const server = await startS3();
  t.teardown(() => server.close());
  const { url, bucket, credentialsFile } = server;
  const s3 = { kind: 's3', url, bucket, region: 'us-east-1', credentialsFile } as const;
  const one = await openObjectStore({ ...common, ...s3 });
  const other = await openObjectStore({ ...common, ...s3, prefix: '' });
  t.teardown(() => [one, other].forEach((store) => store.close()));
  const bytes = Buffer.from('some bytes');
  await one.put('x', contentOfBytes(bytes), never);
  const part = await other.get('berth/x', { firstPos: 0, lastPos: 99 }, never);
  t.ok(part !== undefined && (await buffer(part.body)).equals(bytes));
  t.equal(await other.length('x', never), undefined);
});

await t.test('files that can not be used are named, without what is in them', async (t) => {
  const azure = { kind: 'azure-blob', url: 'https://contoso.blob.core.windows.net/blobs' } as const;
  await t.rejects(openObjectStore({ ...common, ...azure, credentialsFile: '/none' }), {
    code: 'object_store_credentials',
    message: /\/none can not be read/,
  });
  const credentialsFile = await file(t, 'only-a-s3cret\n');
  const error = await openObjectStore({ ...common, ...azure, credentialsFile }).then(
    () => undefined,
    (reason: unknown) => String(reason),
  );
  t.match(error, /its first line must be <account>:<key>/);
  t.notMatch(error, /s3cret/);
});

await t.test('a SAS is the query of a link, with its question mark or without', async (t) => {
  for (const text of ['?sv=1&sig=x', 'sv=1&sig=x\nmore']) {
    const store = await openObjectStore({
      ...common,
      kind: 'azure-blob',
      url: 'https://contoso.blob.core.windows.net/blobs/',
      credentialsFile: await file(t, text),
    });
    t.equal(store.origin, 'azure-blob:contoso.blob.core.windows.net/blobs');
    store.close();
  }
});
