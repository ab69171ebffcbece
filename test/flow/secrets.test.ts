import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { digestOf, MANIFEST_TYPE } from '../support/image.ts';
import { basic, bearerOf, USERS } from './callers.ts';
import { startUpload } from './pushing.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

/** What must never be seen again, by the name of where it came from. */
type Secrets = Map<string, string>;

/** The parts of a link that let whoever reads them in. */
function keepLink(secrets: Secrets, name: string, url: string): void {
  const { searchParams, pathname } = new URL(url, 'https://contoso.registry.example');
  for (const [key, value] of searchParams) if (value.length > 30) secrets.set(`${name} ${key}`, value);
  const sealed = /\/blobs\/uploads\/(.+)$/.exec(pathname)?.[1];
  if (sealed !== undefined) secrets.set(`${name} location`, sealed);
}

async function pull(scene: Scene, authorization: string, secrets: Secrets): Promise<void> {
  const headers = { authorization, cookie: 'session=cookie-of-ana', 'x-api-key': 'api-key-of-ana' };
  for (const path of [
    '/v2/',
    `/v2/${REPOSITORY}/manifests/latest`,
    `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`,
    `/v2/${REPOSITORY}/tags/list?token=query-token-of-ana`,
    `/v2/${REPOSITORY}/referrers/${scene.manifestDigest}`,
  ]) {
    for (const method of ['GET', 'HEAD']) await scene.send(path, { method, headers });
  }
  const url = await scene.ticketUrl(headers);
  secrets.set('ticket', new URL(url).searchParams.get('t') ?? '');
  for (const range of ['', 'bytes=0-9', 'bytes=9-0']) {
    await scene.send(url, { headers: { ...headers, ...(range !== '' && { range }) } });
  }
  await scene.send(url, { method: 'HEAD', headers });
}

async function push(scene: Scene, authorization: string, secrets: Secrets): Promise<void> {
  const headers = { authorization };
  const path = `/v2/${REPOSITORY}/blobs/uploads/`;
  const started = await scene.send(path, { method: 'POST', headers });
  keepLink(secrets, 'upload', started.headers.location ?? '');
  const body = Buffer.from('layer');
  const at = `${started.headers.location}?digest=${digestOf(body)}`;
  await scene.send(at, { method: 'PUT', headers, body });
  await scene.send(`/v2/${REPOSITORY}/manifests/v1`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': MANIFEST_TYPE },
    body: '{}',
  });
  await scene.send(`/v2/${REPOSITORY}/manifests/v1`, { method: 'DELETE', headers });
}

/** Everything that goes wrong with a secret at hand, since errors are where they get out. */
async function stumble(scene: Scene, authorization: string, secrets: Secrets): Promise<void> {
  const headers = { authorization };
  const url = await scene.ticketUrl(headers);
  const { fault } = scene.storage;
  const faults = [
    { kind: 'status', status: 403 },
    { kind: 'redirect', location: 'https://attacker.example/x?sig=signature-of-a-redirect' },
    { kind: 'redirect', location: 'https://user:password-in-a-link@attacker.example/x' },
    { kind: 'cutAfter', bytes: 10, how: 'reset' },
    { kind: 'wrongBytes' },
    { kind: 'notHttp' },
  ] as const;
  for (const broken of faults) {
    scene.storage.fault = broken;
    await scene.send(url).catch(() => undefined);
  }
  scene.storage.fault = fault;
  await scene.send(url.replace(/t=.{20}/, 't=forged'));
  await scene.send(`${url}&x=y`);
  await scene.send('/v2/', { headers: { authorization: 'Bearer revoked-token-of-ana' } });
  await scene.send('/oauth2/token?service=x&password=query-password-of-ana');
  await scene.send('/oauth2/token', { method: 'POST', body: 'password=form-password-of-ana' });
  for (const location of [
    'https://attacker.example/x?sig=signature-of-a-location',
    `${scene.storage.url}&sig2=signature-of-another-link`,
  ]) {
    scene.registry.intercept = ({ request, response }, endpoint) => {
      if (endpoint === 'token' || endpoint === 'ping') return false;
      request.resume();
      response.writeHead(307, { location, 'set-cookie': 'upstream=cookie-of-the-upstream' });
      response.end();
      return true;
    };
    for (const path of [scene.blobPath, `/v2/${REPOSITORY}/tags/list`]) {
      await scene.send(path, { headers: { authorization: `${authorization}x` } });
    }
    await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST', headers });
  }
  scene.registry.intercept = ({ request }) => {
    request.socket.destroy();
    return true;
  };
  const cut = `/v2/${REPOSITORY}/tags/list?token=query-token-of-ana`;
  await scene.send(cut, { headers });
  scene.registry.intercept = undefined;
  secrets.set('unfinished', (await scene.ticketUrl(headers)).split('t=')[1] ?? '');
}

t.test(
  'H5 B3 P2 U4 a whole pull and push, and everything that goes wrong: no secret is logged or counted',
  async (t) => {
    for (const blobs of ['redirect', 'serve'] as const) {
      const file = join(t.testdir({}), 'audit.jsonl');
      const scene = await openScene(t, {
        auth: { kind: 'bearer', users: USERS, publicRepositories: [] },
        config: { log: { level: 'trace' }, audit: { file } },
        ...(blobs === 'serve' && { blobs: { kind: 'serve', ranges: 'all' } as const }),
      });
      const scope = `repository:${REPOSITORY}:pull,push,delete`;
      const password = basic('ana');
      const authorization = await bearerOf(scene, { authorization: password, scope });
      const offline = `service=${scene.registry.host}&scope=${scope}&offline_token=true`;
      const grant = await scene.send(`/oauth2/token?${offline}`, { headers: { authorization: password } });
      const { refresh_token: refreshToken }: { refresh_token: string } = JSON.parse(grant.body.toString());
      const secrets: Secrets = new Map([
        ['password', 'ana-password'],
        ['Basic', password.slice('Basic '.length)],
        ['token', authorization.slice('Bearer '.length)],
        ['refresh token', refreshToken],
        ['signature', 'a%2Bb%3D'],
        ['signature, decoded', 'a+b='],
      ]);
      await pull(scene, authorization, secrets);
      await push(scene, authorization, secrets);
      await stumble(scene, authorization, secrets);

      const metrics = await scene.berth.metrics();
      await scene.berth.app.stop();
      const audit = readFileSync(file, 'utf8');
      t.ok(audit.split('\n').length > 3, 'there is an audit log');
      const everything = `${JSON.stringify(scene.berth.log)}\n${metrics}\n${audit}`;
      t.ok(scene.berth.log.length > 30, 'there is a log');
      t.match(everything, /berth_tickets_issued_total/);
      for (const [name, value] of secrets) {
        t.ok(value.length >= 4, `${name} is known`);
        t.notOk(everything.includes(value), `${blobs}: ${name}`);
      }
      t.notMatch(everything, /of-ana|signature-of|cookie-of|password-in|[?&]sig=|_state=/);
      t.notMatch(everything, /"(authorization|cookie|set-cookie|location|url|query|headers)":/i);
    }
  },
);

t.test('H5 A5 own credentials are not logged either, whatever happens to them', async (t) => {
  const user = { name: 'berth', password: 'own-secret-of-berth', repositories: ['*'] };
  const content = 'berth:own-secret-of-berth\n';
  const dir = t.testdir({ good: content, bad: content, missing: content });
  for (const file of ['good', 'bad', 'missing']) {
    const scene = await openScene(t, {
      auth: { kind: 'bearer', users: [user], publicRepositories: [] },
      config: { log: { level: 'trace' } },
      registry: { clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] } },
      upstream: { auth: { kind: 'file', file: `${dir}/${file}` } },
    });
    // A start would refuse it.
    if (file === 'bad') writeFileSync(`${dir}/bad`, 'own-secret-of-berth\n');
    if (file === 'missing') rmSync(`${dir}/missing`);
    for (const path of ['/v2/', `/v2/${REPOSITORY}/manifests/latest`, scene.blobPath]) {
      const answer = await scene.send(path);
      t.equal(answer.status < 400, file === 'good', `${file} ${path}`);
      t.notMatch(answer.body.toString() + JSON.stringify(answer.headers), /own-secret/);
    }
    if (file === 'good') await startUpload(scene).catch(() => undefined);
    const tokens = scene.registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
    const everything = `${JSON.stringify(scene.berth.log)}\n${await scene.berth.metrics()}`;
    t.notMatch(everything, /own-secret/);
    for (const value of tokens) t.notOk(everything.includes(value.split(' ')[1] ?? value));
  }
});
