import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { openAzureStore } from '../../../src/cache/objects/azure-store.ts';
import type { ObjectStore } from '../../../src/cache/objects/object-store.ts';
import { openS3Store } from '../../../src/cache/objects/s3-store.ts';
import { createTestAuthority } from '../../support/ca.ts';
import { contentOfBytes } from '../../support/contract/object-store.ts';
import { listen } from '../../support/server.ts';

const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const { cert, key } = await authority.issue(['127.0.0.1']);
const never = new AbortController().signal;
/** Azure's library wants both. */
const FIELDS = { etag: '"0x1"', 'last-modified': 'Tue, 24 Nov 2026 00:00:00 GMT' };
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Both kinds of store, at a server that answers as it likes. */
async function open(t: Test, answer: Answer): Promise<readonly [name: string, store: ObjectStore][]> {
  const server = createServer({ cert, key }, (request, response) => {
    request.resume();
    request.on('end', () => answer(request, response));
  });
  const port = await listen(server);
  const common = { authorities: authority.cert, timeoutMs: 10_000 };
  const azure = await openAzureStore({
    ...common,
    url: `https://127.0.0.1:${port}/account/container`,
    credentials: { kind: 'key', account: 'account', key: Buffer.from('key').toString('base64') },
  });
  const s3 = await openS3Store({
    ...common,
    endpoint: `https://127.0.0.1:${port}`,
    bucket: 'bucket',
    region: 'us-east-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  });
  t.teardown(() => {
    azure.close();
    s3.close();
    server.closeAllConnections();
    server.close();
  });
  return [
    ['azure-blob', azure],
    ['s3', s3],
  ];
}

/** An error as either of them has it. */
function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code });
  response.end(body);
}

await t.test('bytes of another range than the one that was asked for are not taken', async (t) => {
  const bytes = Buffer.alloc(1000, 1);
  const ranges = [
    undefined,
    'bytes 0-999/1000',
    'bytes 11-110/1000',
    'bytes 10-109/*',
    'bytes 10-109/50',
    'no',
  ];
  for (const contentRange of ranges) {
    const stores = await open(t, (_request, response) => {
      response.writeHead(contentRange === undefined ? 200 : 206, {
        ...FIELDS,
        'content-length': bytes.length,
        ...(contentRange !== undefined && { 'content-range': contentRange }),
      });
      response.end(bytes);
    });
    for (const [name, store] of stores) {
      await t.rejects(
        store.get('x', { firstPos: 10, lastPos: 109 }, never),
        { code: 'object_store_failed', message: /another range/ },
        `${name}: ${contentRange}`,
      );
    }
  }
});

await t.test('the right one is', async (t) => {
  const stores = await open(t, (_request, response) => {
    response.writeHead(206, { ...FIELDS, 'content-length': 100, 'content-range': 'bytes 10-109/1000' });
    response.end(Buffer.alloc(100, 7));
  });
  for (const [name, store] of stores) {
    const part = await store.get('x', { firstPos: 10, lastPos: 109 }, never);
    if (part === undefined) throw new Error(`${name}: it is there`);
    t.equal(part.completeLength, 1000, name);
    t.ok((await buffer(part.body)).equals(Buffer.alloc(100, 7)), name);
  }
});

await t.test('a conflict that is not about this object is no object that is there', async (t) => {
  for (const [status, code] of [
    [409, 'ContainerBeingDeleted'],
    [409, 'ConditionalRequestConflict'],
    [409, 'BlobImmutableDueToPolicy'],
  ] as const) {
    const stores = await open(t, ({ method }, response) =>
      method === 'HEAD' ? response.writeHead(404).end() : refuse(response, status, code),
    );
    for (const [name, store] of stores) {
      await t.rejects(
        store.put('x', contentOfBytes(Buffer.from('x')), never),
        { code: 'object_store_failed', status },
        `${name}: ${code}`,
      );
    }
  }
});

await t.test('an upload of which somebody else was faster', async (t) => {
  const stores = await open(t, ({ method, headers }, response) => {
    if (method === 'HEAD') response.writeHead(200, { 'content-length': 1 }).end();
    else if ('x-ms-version' in headers) refuse(response, 409, 'BlobAlreadyExists');
    else refuse(response, 409, 'ConditionalRequestConflict');
  });
  for (const [name, store] of stores)
    t.equal(await store.put('x', contentOfBytes(Buffer.from('x')), never), 'exists', name);
});

await t.test('too many requests, and a busy server, are failures that name their status', async (t) => {
  for (const [status, code] of [
    [429, 'SlowDown'],
    [503, 'ServerBusy'],
    [412, 'LeaseIdMissing'],
  ] as const) {
    const stores = await open(t, (_request, response) => refuse(response, status, code));
    for (const [name, store] of stores) {
      if (name === 's3' && status === 412) continue;
      await t.rejects(
        store.put('x', contentOfBytes(Buffer.from('x')), never),
        { code: 'object_store_failed', status },
        `${name}: ${code}`,
      );
    }
  }
});
