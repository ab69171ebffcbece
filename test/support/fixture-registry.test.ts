import tap, { type Test } from 'tap';
import { createTestAuthority } from './ca.ts';
import { type FixtureRegistryOptions, startFixtureRegistry } from './fixture-registry.ts';
import { createTestClient } from './http-client.ts';
import { buildImage, digestOf } from './image.ts';

const image = buildImage({ seed: 'fixture-registry', layerSizes: [2000] });
const [layer] = image.manifests[0]?.layers ?? [];
if (!layer) throw new Error('the image has no layer');

async function start(t: Test, options: FixtureRegistryOptions) {
  const registry = await startFixtureRegistry(options);
  t.teardown(() => registry.close());
  const client = createTestClient(options.authority ? { ca: options.authority.cert } : {});
  t.teardown(() => client.close());
  registry.store.putImage('team/app', image, 'latest');
  return { registry, client };
}

await tap.test('serves what it holds, ranged', async (t) => {
  const { registry, client } = await start(t, {});
  const index = await client.send(`${registry.url}/v2/team/app/manifests/latest`);
  t.equal(digestOf(index.body), index.headers['docker-content-digest']);
  const blob = `${registry.url}/v2/team/app/blobs/${layer.digest}`;
  t.ok((await client.send(blob)).body.equals(layer.bytes));
  const size = layer.bytes.length;
  for (const [range, status, contentRange] of [
    ['bytes=0-0', 206, `bytes 0-0/${size}`],
    ['bytes=-5', 206, `bytes ${size - 5}-${size - 1}/${size}`],
    [`bytes=${size}-`, 416, `bytes */${size}`],
  ] as const) {
    const answer = await client.send(blob, { headers: { range } });
    t.equal(answer.status, status);
    t.equal(answer.headers['content-range'], contentRange);
  }
  t.equal(registry.count('blob', 'GET'), 4);
  t.equal((await client.send(`${registry.url}/v2/team/app/blobs/${digestOf(Buffer.of())}`)).status, 404);
});

await tap.test('gives a token for what a user may do, and no more', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const users = [{ name: 'alice', password: 'a:b', repositories: ['team/app'] }];
  const auth = { kind: 'bearer', users, tokenHost: 'auth.docker.io' } as const;
  const { registry, client } = await start(t, { authority, auth });
  const manifest = `${registry.url}/v2/team/app/manifests/latest`;
  const refused = await client.send(manifest);
  t.equal(refused.status, 401);
  const realm = `https://auth.docker.io:${registry.port}/oauth2/token`;
  const scope = 'repository:team/app:pull';
  t.equal(
    refused.headers['www-authenticate'],
    `Bearer realm="${realm}",service="${registry.host}",scope="${scope}"`,
  );
  const query = `service=${registry.host}&scope=${scope}`;
  const basic = `Basic ${Buffer.from('alice:a:b').toString('base64')}`;
  const tokenOf = async (headers: Record<string, string>) => {
    const { status, body } = await client.send(`${realm}?${query}`, { headers });
    const document: { token?: string } = status === 200 ? JSON.parse(body.toString()) : {};
    return document.token;
  };
  const pull = async (token: string | undefined) =>
    (await client.send(manifest, { headers: { authorization: `Bearer ${token}` } })).status;
  t.equal(await pull(await tokenOf({ authorization: basic })), 200);
  t.equal(await pull(await tokenOf({})), 401, 'nobody in particular gets a token that opens nothing');
  t.equal(await tokenOf({ authorization: 'Basic YWxpY2U6eA==' }), undefined);
  const elsewhere = realm.replace('auth.docker.io', 'contoso.azurecr.io');
  t.equal((await client.send(`${elsewhere}?${query}`)).status, 404, 'the realm is on its own host alone');
});

await tap.test('takes uploads', async (t) => {
  const { registry, client } = await start(t, { uploadLocation: 'elsewhere' });
  const bytes = Buffer.from('uploaded');
  const digest = digestOf(bytes);
  const started = await client.send(`${registry.url}/v2/new/blobs/uploads/`, { method: 'POST' });
  t.equal(started.status, 202);
  t.match(started.headers.location, /^\/sessions\//);
  const location = `${registry.url}${started.headers.location}`;
  const first = await client.send(location, { method: 'PATCH', body: bytes.subarray(0, 3) });
  t.equal(first.headers.range, '0-2');
  const wrong = { method: 'PATCH', headers: { 'content-range': '7-9' }, body: bytes.subarray(3) };
  t.equal((await client.send(location, wrong)).status, 416);
  const done = await client.send(`${location}&digest=${digest}`, { method: 'PUT', body: bytes.subarray(3) });
  t.equal(done.status, 201);
  t.same(registry.store.blob('new', digest), bytes);
  t.equal(registry.uploads.open, 0);
  const mount = `${registry.url}/v2/other/blobs/uploads/?mount=${digest}&from=new`;
  t.equal((await client.send(mount, { method: 'POST' })).status, 201);
});

await tap.test('pages its lists and finds referrers', async (t) => {
  const { registry, client } = await start(t, { pageSize: 2 });
  for (const tag of ['a', 'b']) registry.store.putImage('team/app', image, tag);
  const page = await client.send(`${registry.url}/v2/team/app/tags/list`);
  t.same(JSON.parse(page.body.toString()), { name: 'team/app', tags: ['a', 'b'] });
  t.equal(page.headers.link, '</v2/team/app/tags/list?last=b&n=2>; rel="next"');
  const signature = Buffer.from(
    JSON.stringify({ artifactType: 'x/sig', subject: { digest: image.index.digest } }),
  );
  const digest = registry.store.putManifest('team/app', digestOf(signature), 'application/json', signature);
  const referrers = await client.send(
    `${registry.url}/v2/team/app/referrers/${image.index.digest}?artifactType=x/sig`,
  );
  t.match(JSON.parse(referrers.body.toString()), { manifests: [{ digest, artifactType: 'x/sig' }] });
});
