import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAzurite } from '../support/azurite.ts';
import { NO_BLOB_CACHE, startBerth, testRegistry } from '../support/berth.ts';
import { createTestAuthority } from '../support/ca.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import type { FixtureAuth } from '../support/fixture-token-service.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { basic, USERS } from './callers.ts';
import { REPOSITORY } from './scene.ts';

const LINK_SECONDS = 5;
const BLOB_BYTES = 4_000_000;
const PASSED_BYTES = 1_000_000;

const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const azurite = await startAzurite(authority, ['eusreplstore28']);
t.teardown(() => azurite.close());
const where = { account: 'eusreplstore28', container: 'registry', blob: '/docker/data' };
const blob = pseudoRandomBytes('short links', BLOB_BYTES);
const digest = digestOf(blob);
await azurite.put(where, blob);

/** Before Azurite, a line so slow that the first connection that carries much ends after its link. */
async function openSlowLine(t: Test): Promise<{ readonly port: number; readonly links: { endsAt: number } }> {
  const links = { endsAt: 0 };
  let isSlow = true;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const storage = connect(azurite.port, '127.0.0.1');
    let passed = 0;
    for (const socket of [client, storage]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          client.destroy();
          storage.destroy();
        });
    }
    client.pipe(storage);
    storage.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      client.write(chunk);
      if (!isSlow || passed < PASSED_BYTES) return;
      isSlow = false;
      storage.pause();
      // A little more, as Azurite counts in whole seconds.
      setTimeout(() => client.end(), links.endsAt + 1000 - Date.now());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return { port, links };
}

async function open(t: Test, options: { auth: FixtureAuth; own?: boolean; cached?: boolean }) {
  const { auth, own = false, cached = false } = options;
  const line = await openSlowLine(t);
  const registry = await startFixtureRegistry({
    authority,
    auth,
    blobs: {
      kind: 'redirect',
      locate() {
        line.links.endsAt = Date.now() + LINK_SECONDS * 1000;
        return azurite.signedUrl(where, {
          expiresInSeconds: LINK_SECONDS,
          host: `${where.account}.blob.core.windows.net:${line.port}`,
        });
      },
    },
  });
  t.teardown(() => registry.close());
  registry.store.putBlob(REPOSITORY, digest, blob);
  const directory = t.testdir({ credentials: 'ana:ana-password\n' });
  const file = join(directory, 'credentials');
  await chmod(file, 0o600);
  const cache = { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, pieceBytes: 512 * 1024 };
  const berth = await startBerth({
    authority,
    registries: [
      testRegistry({
        storagePorts: [line.port],
        ...(own && { clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] } }),
        upstream: {
          url: registry.url,
          caFile: authority.caFile,
          auth: own ? { kind: 'file', file } : null,
        },
      }),
    ],
    config: { cache: cached ? { ...cache, directory: join(directory, 'cache') } : cache },
  });
  t.teardown(() => berth.close());
  const login = 'https://contoso.registry.example';
  const token = async (): Promise<string> => {
    const query = `service=${registry.host}&scope=repository:${REPOSITORY}:pull`;
    const headers = { authorization: basic('ana') };
    const { body } = await berth.client.send(`${login}/oauth2/token?${query}`, { headers });
    return `Bearer ${JSON.parse(body.toString()).token}`;
  };
  const pull = async (headers: Record<string, string>, range?: string) => {
    const redirect = await berth.client.send(`${login}/v2/${REPOSITORY}/blobs/${digest}`, { headers });
    if (redirect.status !== 307) throw new Error(`${redirect.status} ${redirect.body.toString()}`);
    const request = range === undefined ? {} : { headers: { range } };
    return berth.client.send(redirect.headers.location ?? '', request);
  };
  return { berth, token, pull };
}

const PRIVATE = { users: USERS, publicRepositories: [] };

t.test('E3 a link of five seconds ends amid a blob on a slow line', async (t) => {
  t.jobs = 4;
  for (const cached of [false, true]) {
    t.test(`with the token in the ticket, ${cached ? 'kept' : 'streamed'}`, { buffered: true }, async (t) => {
      const { berth, token, pull } = await open(t, { auth: { ...PRIVATE, kind: 'bearer' }, cached });
      const got = await pull({ authorization: await token() });
      t.equal(got.ended, 'complete');
      t.ok(got.body.equals(blob));
      t.ok((await berth.metric('berth_source_renewals_total', { result: 'ok' })) > 0);
    });
  }
  t.test('with own credentials', { buffered: true }, async (t) => {
    const { berth, pull } = await open(t, { auth: { ...PRIVATE, kind: 'bearer' }, own: true });
    const got = await pull({});
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(blob));
    t.ok((await berth.metric('berth_source_renewals_total', { result: 'ok' })) > 0);
  });
  t.test('with nothing to ask with', { buffered: true }, async (t) => {
    const { berth, pull } = await open(t, { auth: { ...PRIVATE, kind: 'basic' } });
    const headers = { authorization: basic('ana') };
    const got = await pull(headers);
    t.equal(got.status, 200);
    t.equal(got.ended, 'short', 'Azurite refuses the link, and the body ends with FIN');
    t.ok(got.body.length > 0);
    t.ok(got.body.equals(blob.subarray(0, got.body.length)));
    t.ok((await berth.metric('berth_source_renewals_total', { result: 'no_credentials' })) > 0);
    const rest = await pull(headers, `bytes=${got.body.length}-`);
    t.equal(rest.status, 206);
    t.ok(Buffer.concat([got.body, rest.body]).equals(blob), 'the client resumes through the login server');
  });
  t.end();
});
