import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import t from 'tap';
import type { ClientsConfig, UpstreamAuth } from '../../src/config/config.ts';
import type { FixtureAuth } from '../support/fixture-token-service.ts';
import { createTestClient } from '../support/http-client.ts';
import { basic } from './callers.ts';
import { accessLine, errorOf, openScene, REPOSITORY, type Scene, type SceneOptions } from './scene.ts';

const BERTH = { name: 'berth', password: 'own:secret', repositories: ['*'] };
const PRIVATE = { kind: 'bearer', users: [BERTH], publicRepositories: [] } as const satisfies FixtureAuth;
const CLOSED: ClientsConfig = { anonymous: false, htpasswdFile: null, mtls: false, networks: [] };

/** A file of its own, gone after the test. */
async function fileOf(t: Parameters<typeof openScene>[0], content: string, mode = 0o600): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, 'file');
  await writeFile(file, content, { mode });
  return file;
}

/** A private upstream that only Berth's own credentials open, and clients that this policy lets in. */
async function openOwn(
  t: Parameters<typeof openScene>[0],
  clients: Partial<ClientsConfig>,
  options: SceneOptions & { readonly credentials?: UpstreamAuth } = {},
): Promise<Scene> {
  const file = await fileOf(t, 'berth:own:secret\n');
  const { credentials = { kind: 'file', file }, ...rest } = options;
  return openScene(t, {
    auth: PRIVATE,
    ...rest,
    registry: { clients: { ...CLOSED, ...clients }, ...rest.registry },
    upstream: { auth: credentials, ...rest.upstream },
  });
}

async function htpasswdOf(t: Parameters<typeof openScene>[0], name: string): Promise<string> {
  return fileOf(t, `${name}:${await hash(`${name}-password`, 4)}\n`);
}

const manifestPath = `/v2/${REPOSITORY}/manifests/latest`;

/** Every Authorization that reached the upstream. */
function authorizations({ registry }: Scene): string[] {
  return registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
}

t.test('A5 own credentials of a file or a helper open the upstream; the client has none', async (t) => {
  const script = await fileOf(
    t,
    '#!/bin/sh\nread host\ncase "$host" in contoso.azurecr.io*) echo \'{"Username":"berth","Secret":"own:secret"}\';; *) exit 1;; esac\n',
    0o755,
  );
  const exec: UpstreamAuth = { kind: 'exec', command: [script], timeoutSeconds: 5 };
  for (const options of [{}, { credentials: exec }, { auth: { ...PRIVATE, kind: 'basic' } as const }]) {
    const scene = await openOwn(t, { anonymous: true }, options);
    t.equal((await scene.send('/v2/')).status, 200, JSON.stringify(options));
    t.same((await scene.send(manifestPath)).body, scene.manifest);
    const got = await scene.send(await scene.ticketUrl());
    t.ok(got.body.equals(scene.blob), 'and the data endpoint');
    t.equal((await scene.send(scene.blobPath, { method: 'HEAD' })).status, 200);
    const tags = await scene.send(`/v2/${REPOSITORY}/tags/list`);
    t.strictSame(JSON.parse(tags.body.toString()).tags, ['latest']);
  }
});

t.test('A5 B7 an upstream that serves blobs itself: nothing of ours is in the ticket', async (t) => {
  const scene = await openOwn(t, { anonymous: true }, { blobs: { kind: 'serve', ranges: 'all' } });
  const got = await scene.send(await scene.ticketUrl());
  t.equal(got.status, 200);
  t.ok(got.body.equals(scene.blob));
  const inline = await openOwn(
    t,
    { anonymous: true },
    { blobs: { kind: 'serve', ranges: 'all' }, registry: { delivery: 'inline' } },
  );
  t.ok((await inline.send(inline.blobPath)).body.equals(inline.blob));
});

t.test('A5 htpasswd: none or wrong is 401 with a Basic challenge, before the upstream', async (t) => {
  const scene = await openOwn(t, { htpasswdFile: await htpasswdOf(t, 'carol') });
  const paths = ['/v2/', manifestPath, scene.blobPath, `/v2/${REPOSITORY}/tags/list`];
  for (const authorization of ['', basic('carol', 'wrong'), basic('dave'), 'Bearer token', 'Basic !!']) {
    for (const path of paths) {
      const headers: Record<string, string> = authorization === '' ? {} : { authorization };
      const refused = await scene.send(path, { headers });
      t.equal(refused.status, 401, `${authorization} ${path}`);
      t.equal(refused.headers['www-authenticate'], 'Basic realm="Berth", charset="UTF-8"');
      t.equal(errorOf(refused).code, 'UNAUTHORIZED');
    }
  }
  t.equal(scene.registry.requests.length, 0);
  const headers = { authorization: basic('carol') };
  for (const path of paths) t.ok((await scene.send(path, { headers })).status < 400, path);
  t.match(await accessLine(scene, (line) => line['principal'] === 'user:carol'), { status: 200 });
  t.equal((await scene.send('/oauth2/token?service=x', { headers })).status, 404, 'no tokens here');
});

t.test('A5 networks and client certificates', async (t) => {
  const inside = await openOwn(t, { networks: ['127.0.0.0/8'] });
  t.equal((await inside.send(manifestPath)).status, 200);
  const outside = await openOwn(t, { networks: ['10.0.0.0/8'] });
  const denied = await outside.send(manifestPath);
  t.equal(denied.status, 403);
  t.equal(errorOf(denied).code, 'DENIED');
  t.equal(denied.headers['www-authenticate'], undefined, 'no password would help');
  t.equal(outside.registry.requests.length, 0);

  const scene = await openOwn(t, { mtls: true }, { clientCertificates: true });
  t.equal((await scene.send(manifestPath)).status, 403, 'without a certificate');
  const client = createTestClient({
    ca: scene.authority.cert,
    identity: await scene.authority.issue(['node-1.example']),
    route: () => ({ address: '127.0.0.1', port: scene.berth.port }),
  });
  t.teardown(() => client.close());
  t.equal((await client.send(`${scene.login}${manifestPath}`)).status, 200);
  const put = await client.send(`${scene.login}/v2/${REPOSITORY}/manifests/v1`, {
    method: 'PUT',
    body: '{}',
  });
  t.equal(put.status, 201, 'known by certificate: may push');
});

t.test('A5 P1 anonymous and networks may not push, known users may', async (t) => {
  const policies: Partial<ClientsConfig>[] = [{ anonymous: true }, { networks: ['127.0.0.0/8'] }];
  for (const clients of policies) {
    const scene = await openOwn(t, { ...clients, htpasswdFile: await htpasswdOf(t, 'carol') });
    const writes = [
      ['PUT', `/v2/${REPOSITORY}/manifests/v1`],
      ['DELETE', manifestPath],
      ['POST', `/v2/${REPOSITORY}/blobs/uploads/`],
      ['DELETE', scene.blobPath],
    ] as const;
    t.equal((await scene.send(manifestPath)).status, 200, 'reading is open');
    scene.registry.requests.length = 0;
    for (const [method, path] of writes) {
      const refused = await scene.send(path, { method, ...(method === 'PUT' ? { body: '{}' } : {}) });
      t.equal(refused.status, 401, `${method} ${path}`);
      t.match(refused.headers['www-authenticate'], /^Basic /);
    }
    t.equal(scene.registry.requests.length, 0, 'the upstream heard nothing');
    const headers = { authorization: basic('carol') };
    const put = await scene.send(`/v2/${REPOSITORY}/manifests/v1`, { method: 'PUT', headers, body: '{}' });
    t.equal(put.status, 201);
    for (const uploadLocation of ['relative', 'elsewhere'] as const) {
      const pushed = await openOwn(t, { htpasswdFile: await htpasswdOf(t, 'carol') }, { uploadLocation });
      const started = await pushed.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST', headers });
      t.equal(started.status, 202);
      const at = `${started.headers.location}?digest=${pushed.digest}`;
      t.equal((await pushed.send(at, { method: 'PUT', headers, body: pushed.blob })).status, 201);
    }
  }
});

t.test('A5 the Authorization of a client never reaches the upstream', async (t) => {
  const scene = await openOwn(t, { htpasswdFile: await htpasswdOf(t, 'carol'), anonymous: true });
  const headers = { authorization: basic('carol') };
  for (const method of ['GET', 'HEAD']) {
    for (const path of ['/v2/', '/v2/_catalog', manifestPath, scene.blobPath]) {
      await scene.send(path, { method, headers });
    }
  }
  await scene.send(await scene.ticketUrl(headers), { headers });
  await scene.send(`/v2/${REPOSITORY}/manifests/v1`, { method: 'PUT', headers, body: '{}' });
  const seen = authorizations(scene);
  t.ok(seen.length > 0);
  t.ok(
    seen.every((value) => value === basic('berth', 'own:secret') || value.startsWith('Bearer ')),
    'only what is ours',
  );
  t.ok(scene.storage.requests.every((request) => request.headers.authorization === undefined));
});

t.test('A5 where the upstream refuses Berth itself, clients are not asked for a password', async (t) => {
  const wrong = await fileOf(t, 'berth:wrong\n');
  for (const kind of ['bearer', 'basic'] as const) {
    const scene = await openOwn(
      t,
      { anonymous: true },
      { credentials: { kind: 'file', file: wrong }, auth: { ...PRIVATE, kind } },
    );
    for (const path of ['/v2/', manifestPath, scene.blobPath, `/v2/${REPOSITORY}/tags/list`]) {
      const refused = await scene.send(path);
      t.ok(refused.status === 403 || refused.status === 502, `${kind} ${path}: ${refused.status}`);
      t.equal(refused.headers['www-authenticate'], undefined);
      t.notMatch(refused.body.toString(), /wrong|credentials"|azurecr/);
    }
  }
  const file = await fileOf(t, 'berth:own:secret\n');
  const missing = await openOwn(t, { anonymous: true }, { credentials: { kind: 'file', file } });
  await rm(file);
  t.equal((await missing.send(manifestPath)).status, 502);
});

t.test('A5 a start finds out that the credentials are not there', async (t) => {
  await t.rejects(openOwn(t, { anonymous: true }, { credentials: { kind: 'file', file: '/no/such' } }), {
    code: 'invalid_credentials_file',
    message: 'upstream.auth.file /no/such can not be read (ENOENT): check its name, owner and mode',
  });
});

t.test('C10 own credentials: an outage opens nothing to whom the policy does not let in', async (t) => {
  const scene = await openOwn(
    t,
    { htpasswdFile: await htpasswdOf(t, 'ana') },
    { registry: { staleIfErrorSeconds: 600, authorizationTtlSeconds: 0 } },
  );
  const ana = { authorization: basic('ana') };
  t.equal((await scene.send(manifestPath, { headers: ana })).status, 200);
  await scene.registry.close();
  const stale = await scene.send(manifestPath, { headers: ana });
  t.same(stale.body, scene.manifest);
  t.match(stale.headers, { age: /^\d+$/, warning: /^299 - "/ });
  for (const headers of [{}, { authorization: basic('bob') }, { authorization: 'Bearer x' }]) {
    const refused = await scene.send(manifestPath, { headers });
    t.equal(refused.status, 401);
    t.notOk(refused.body.includes(scene.digest));
  }
});
