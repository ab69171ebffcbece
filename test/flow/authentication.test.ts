import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { errorOf, openScene, REPOSITORY, type Scene } from './scene.ts';

const USERS = [
  { name: 'ana', password: 'ana-password', repositories: [REPOSITORY] },
  { name: 'ben', password: 'ben-password', repositories: [] },
];
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** The token that a client would get through Berth for this repository. */
async function tokenOf(scene: Scene, authorization?: string): Promise<string> {
  const scope = encodeURIComponent(`repository:${REPOSITORY}:pull`);
  const service = encodeURIComponent(scene.registry.host);
  const answer = await scene.send(`/oauth2/token?service=${service}&scope=${scope}`, {
    headers: authorization === undefined ? {} : { authorization },
  });
  const { token, access_token: accessToken } = JSON.parse(answer.body.toString());
  return token ?? accessToken;
}

t.test('A1 the challenge names our own token endpoint and keeps service and scope', async (t) => {
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: USERS },
    registry: { aliases: ['mirror.registry.example'] },
  });
  for (const host of ['contoso.registry.example', 'mirror.registry.example']) {
    const ping = await scene.send('/v2/', { headers: { host } });
    t.equal(ping.status, 401);
    t.match(
      ping.headers['www-authenticate'],
      `Bearer realm="https://contoso.registry.example/oauth2/token",service="${scene.registry.host}"`,
      `asked at ${host}, answered from the configuration`,
    );
  }
  const blob = await scene.send(scene.blobPath);
  t.equal(blob.status, 401);
  t.match(blob.headers['www-authenticate'], `scope="repository:${REPOSITORY}:pull"`);
  t.match(blob.headers['www-authenticate'], 'realm="https://contoso.registry.example/oauth2/token"');
  t.equal(errorOf(blob).code, 'UNAUTHORIZED');
  t.notMatch(blob.headers['www-authenticate'], /realm="https:\/\/contoso\.azurecr/);
});

t.test('A1 a Basic challenge passes as it is', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'basic', users: USERS } });
  t.match((await scene.send('/v2/')).headers['www-authenticate'], /^Basic realm=/);
  const headers = { authorization: basic('ana', 'ana-password') };
  t.equal((await scene.send('/v2/', { headers })).status, 200);
});

t.test('A2 tokens: GET with Basic, anonymous, POST with password and refresh token', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS } });
  const token = await tokenOf(scene, basic('ana', 'ana-password'));
  t.equal((await scene.send(scene.blobPath, { headers: { authorization: `Bearer ${token}` } })).status, 307);
  const others = await tokenOf(scene);
  t.equal((await scene.send(scene.blobPath, { headers: { authorization: `Bearer ${others}` } })).status, 401);

  const form = (fields: Record<string, string>) => ({
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      service: scene.registry.host,
      scope: `repository:${REPOSITORY}:pull`,
      client_id: 'test',
      ...fields,
    }).toString(),
  });
  const first = await scene.send(
    '/oauth2/token',
    form({ grant_type: 'password', username: 'ana', password: 'ana-password', access_type: 'offline' }),
  );
  t.equal(first.status, 200);
  t.equal(first.headers['cache-control'], 'no-store');
  const { refresh_token: refreshToken } = JSON.parse(first.body.toString());
  t.ok(refreshToken);
  const second = await scene.send(
    '/oauth2/token',
    form({ grant_type: 'refresh_token', refresh_token: refreshToken }),
  );
  t.equal(second.status, 200);
  const wrong = await scene.send(
    '/oauth2/token',
    form({ grant_type: 'password', username: 'ana', password: 'x' }),
  );
  t.equal(wrong.status, 401);
  const large = await scene.send('/oauth2/token', { ...form({}), body: 'x'.repeat(100_000) });
  t.equal(large.status, 413);
});

t.test('A2 a realm on another host, as Docker Hub has it, where tokenHosts names it', async (t) => {
  const auth = { kind: 'bearer', users: USERS, tokenHost: 'auth.docker.io' } as const;
  const unlisted = await openScene(t, { auth });
  const refused = await unlisted.send('/oauth2/token?service=x');
  t.equal(refused.status, 502);
  const wrongPort = await openScene(t, { auth, upstream: { tokenHosts: ['auth.docker.io'] } });
  t.equal((await wrongPort.send('/oauth2/token?service=x')).status, 502, 'the port counts');

  // The token service shares the registry's port, which is known only once it listens.
  const scene = await openScene(t, { auth, tokenHostsWithPort: ['auth.docker.io'] });
  const token = await tokenOf(scene, basic('ana', 'ana-password'));
  const headers = { authorization: `Bearer ${token}` };
  t.equal((await scene.send(scene.blobPath, { headers })).status, 307);
});

t.test('A3 the exchange goes to the same path on the realm host', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, tokenAnswer: 'acr' } });
  await scene.send('/oauth2/exchange', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=access_token&service=contoso.azurecr.io&access_token=aad',
  });
  const seen = scene.registry.requests.filter(({ endpoint }) => endpoint === 'token');
  t.match(seen, [{ method: 'POST', target: '/oauth2/exchange' }]);
});

t.test('A4 a realm that is not https or leads elsewhere is refused', async (t) => {
  for (const realm of [
    'http://contoso.azurecr.io/token',
    'https://attacker.example/token',
    'https://127.0.0.1/token',
  ]) {
    const scene = await openScene(t);
    scene.registry.intercept = ({ response }) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` }).end();
      return true;
    };
    const refused = await scene.send('/oauth2/token?service=x&scope=y', {
      headers: { authorization: basic('ana', 'ana-password') },
    });
    t.equal(refused.status, 502, realm);
    t.notMatch(refused.body.toString(), /attacker|127\.0\.0\.1/);
    t.ok(
      scene.registry.requests.every(({ headers }) => headers.authorization === undefined),
      'no password went out',
    );
  }
});

t.test(
  'A5 with own credentials, the clients policy decides and the client stays unknown upstream',
  async (t) => {
    const dir = t.testdir({ credentials: 'ana:ana-password\n', htpasswd: '' });
    const { hashSync } = await import('bcryptjs');
    writeFileSync(join(dir, 'htpasswd'), `ci:${hashSync('ci-password', 4)}\n`);
    const scene = await openScene(t, {
      auth: { kind: 'bearer', users: USERS },
      upstream: { auth: { kind: 'file', file: join(dir, 'credentials') } },
      registry: {
        clients: { anonymous: false, htpasswdFile: join(dir, 'htpasswd'), mtls: false, networks: [] },
      },
    });
    for (const headers of [{}, { authorization: basic('ci', 'wrong') }, { authorization: 'Bearer x' }]) {
      for (const path of ['/v2/', scene.blobPath, `/v2/${REPOSITORY}/manifests/latest`]) {
        const refused = await scene.send(path, { headers });
        t.equal(refused.status, 401, path);
        t.equal(refused.headers['www-authenticate'], 'Basic realm="Berth", charset="UTF-8"');
      }
    }
    t.equal(scene.registry.requests.length, 0, 'the upstream heard nothing');
    const headers = { authorization: basic('ci', 'ci-password') };
    t.equal((await scene.send('/v2/', { headers })).status, 200);
    t.equal((await scene.send(`/v2/${REPOSITORY}/manifests/latest`, { headers })).status, 200);
    t.same((await scene.send(await scene.ticketUrl(headers))).body, scene.blob);
    t.ok(
      scene.registry.requests.every((seen) => seen.headers.authorization !== headers.authorization),
      "the client's own password never reached the upstream",
    );
  },
);
