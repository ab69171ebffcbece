import t from 'tap';
import { acrBlob, startAzurite } from '../support/azurite.ts';
import { startBerth, testRegistry } from '../support/berth.ts';
import { forbiddenLocations } from '../support/broken-upstream.ts';
import { createTestAuthority } from '../support/ca.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { errorOf, openScene, REPOSITORY, stableHeaders } from './scene.ts';

const USERS = [{ name: 'ana', password: 'pw', repositories: [REPOSITORY] }];

t.test('B1 a location is learnt by a GET of the first byte, with the caller credentials', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const redirect = await scene.send(scene.blobPath, {
    headers: { authorization: 'Bearer abc', range: 'bytes=5-9' },
  });
  t.equal(redirect.status, 307);
  const [asked, ...others] = scene.registry.requests.filter(({ endpoint }) => endpoint === 'blob');
  t.equal(others.length, 0);
  t.equal(asked?.method, 'GET');
  t.equal(asked?.headers.range, 'bytes=0-0');
  t.equal(asked?.headers.authorization, 'Bearer abc');
  t.equal(scene.storage.requests.length, 0, 'storage is not asked for a redirect');
});

t.test('B2 a location that is not allowed is refused, counted and audited', async (t) => {
  const scene = await openScene(t, { registry: { authorizationTtlSeconds: 0, publicProbe: false } });
  const rows = forbiddenLocations(scene.storage.host);
  for (const { why, location } of rows) {
    scene.registry.blobs = { kind: 'redirect', locate: () => location };
    for (const method of ['GET', 'HEAD']) {
      const refused = await scene.send(scene.blobPath, { method });
      t.equal(refused.status, 502, `${method}: ${why}`);
      t.equal(refused.headers.location, undefined);
      t.notMatch(refused.body.toString(), /attacker|secret|169\.254/, 'the location is not shown');
    }
  }
  t.equal(await scene.berth.metric('berth_redirects_refused_total'), rows.length * 2);
  t.equal(scene.berth.log.filter((line) => 'audit' in line).length, rows.length * 2, 'an audit event each');
  t.notMatch(JSON.stringify(scene.berth.log), /user:secret|sig=x/);
  t.ok(
    scene.berth.log.some(({ error }) =>
      /redirect to attacker\.example.* is refused/.test(JSON.stringify(error)),
    ),
    'the operator learns which host it is',
  );
});

t.test('B2 the bytes of a location are kept: the real blob service accepts its signature', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const azurite = await startAzurite(authority, ['eusreplstore28']);
  t.teardown(() => azurite.close());
  const registry = await startFixtureRegistry({ authority });
  t.teardown(() => registry.close());
  const berth = await startBerth({
    authority,
    registries: [
      testRegistry({
        storagePorts: [azurite.port],
        upstream: { url: registry.url, caFile: authority.caFile },
      }),
    ],
  });
  t.teardown(() => berth.close());
  const blob = pseudoRandomBytes('azurite', 1_000_000);
  const digest = digestOf(blob);
  const place = acrBlob('eusreplstore28', digest);
  await azurite.createContainer(place.account, place.container);
  await azurite.put(place, blob);
  registry.store.putBlob(REPOSITORY, digest, blob);
  registry.blobs = { kind: 'redirect', locate: () => azurite.signedUrl(place) };
  const path = `https://contoso.registry.example/v2/${REPOSITORY}/blobs/${digest}`;

  const redirect = await berth.client.send(path);
  const url = redirect.headers.location ?? '';
  t.match(url, /^https:\/\/contoso\.eastus\.data\.registry\.example\/\?/);
  t.ok((await berth.client.send(url)).body.equals(blob), 'the literal // and every %-code arrived');
  for (const [range, from, to] of [
    ['bytes=10-19', 10, 20],
    ['bytes=-5', -5, undefined],
    ['bytes=999990-', 999_990, undefined],
  ] as const) {
    const part = await berth.client.send(url, { headers: { range } });
    t.equal(part.status, 206, range);
    t.ok(part.body.equals(blob.subarray(from, to)), range);
  }
  t.equal((await berth.client.send(url, { headers: { range: 'bytes=1000000-' } })).status, 416);
  const fresh = await startBerth({
    authority,
    registries: berth.config.registries,
    ticketKeys: berth.ticketKeys,
  });
  t.teardown(() => fresh.close());
  const cold = await fresh.client.send(url, { headers: { range: 'bytes=1000000-' } });
  t.equal(cold.status, 416, 'also where nothing is known of the blob');

  registry.blobs = {
    kind: 'redirect',
    locate: () => azurite.signedUrl(place).replace(/sig=..../, 'sig=AAAA'),
  };
  const other = pseudoRandomBytes('other', 10);
  registry.store.putBlob(REPOSITORY, digestOf(other), other);
  const badly = await berth.client.send(path.replace(digest, digestOf(other)));
  t.equal(
    (await berth.client.send(badly.headers.location ?? '')).status,
    403,
    'storage refuses the signature',
  );
});

t.test(
  'B3 dedicated: a redirect to the region of the location, with a ticket and nothing of storage',
  async (t) => {
    const regions = [
      { name: 'westus', match: ['wus*.blob.core.windows.net'], upstream: null, clients: [] },
      { name: 'eastus', match: ['eus*.blob.core.windows.net'], upstream: null, clients: [] },
    ];
    const scene = await openScene(t, { registry: { regions } });
    const redirect = await scene.send(scene.blobPath);
    t.equal(redirect.status, 307);
    t.strictSame(Object.keys(stableHeaders(redirect)).toSorted(), [
      'cache-control',
      'connection',
      'content-length',
      'docker-content-digest',
      'docker-distribution-api-version',
      'keep-alive',
      'location',
    ]);
    t.equal(redirect.headers['cache-control'], 'no-store');
    t.equal(redirect.headers['docker-content-digest'], scene.digest);
    const location = new URL(redirect.headers.location ?? '');
    t.equal(location.origin, 'https://contoso.eastus.data.registry.example');
    t.equal(location.searchParams.get('d'), scene.digest);
    t.ok(location.href.length < 1000, `${location.href.length} characters`);
    t.notMatch(location.href, /blob\.core|sig=|se=/);
    t.equal(await scene.berth.metric('berth_redirects_total', { delivery: 'dedicated' }), 1);
    t.equal(await scene.berth.metric('berth_tickets_issued_total'), 1);
    t.equal(await scene.berth.metric('berth_regions_unmatched_total'), 0);

    const unmapped = await openScene(t, {
      registry: { regions: [{ name: 'home', match: ['other*.example'], upstream: null, clients: [] }] },
    });
    t.match(await unmapped.ticketUrl(), /^https:\/\/contoso\.home\.data\./, 'the first region');
    t.equal(await unmapped.berth.metric('berth_regions_unmatched_total'), 1);
  },
);

t.test('B4 HEAD is answered by the login server; storage sees no HEAD', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openScene(t, { registry: { delivery } });
    for (const method of ['HEAD', 'HEAD']) {
      const head = await scene.send(scene.blobPath, { method });
      t.equal(head.status, 200, delivery);
      t.equal(head.headers['content-length'], String(scene.blob.length));
      t.equal(head.headers['docker-content-digest'], scene.digest);
      t.equal(head.headers.location, undefined);
    }
    t.ok(scene.storage.requests.every((seen) => seen.method === 'GET'));
    t.equal(scene.storage.requests.length, 1, 'the length is remembered');
  }
});

t.test('B5 inline: whole, ranged, HEAD, and errors, as the data endpoint would', async (t) => {
  const scene = await openScene(t, { registry: { delivery: 'inline', dataEndpoint: null, regions: [] } });
  const whole = await scene.send(scene.blobPath);
  t.equal(whole.status, 200);
  t.ok(whole.body.equals(scene.blob));
  const range = await scene.send(scene.blobPath, { headers: { range: 'bytes=-10' } });
  t.equal(range.status, 206);
  t.ok(range.body.equals(scene.blob.subarray(-10)));
  const beyond = await scene.send(scene.blobPath, { headers: { range: 'bytes=999999999-' } });
  t.equal(beyond.status, 416);
  const head = await scene.send(scene.blobPath, { method: 'HEAD' });
  t.strictSame(stableHeaders(head), stableHeaders(whole));
  scene.storage.fault = { kind: 'wrongBytes' };
  const wrong = await scene.send(scene.blobPath).catch(() => undefined);
  t.not(wrong?.ended, 'complete');
  t.equal(await scene.berth.metric('berth_redirects_total', { delivery: 'inline' }), 4);
});

t.test('B6 passthrough: the redirect of the upstream, untouched and counted', async (t) => {
  const scene = await openScene(t, { registry: { delivery: 'passthrough' } });
  const redirect = await scene.send(scene.blobPath);
  t.equal(redirect.status, 307);
  t.equal(redirect.headers.location, scene.storage.url, 'to the letter');
  t.equal(scene.storage.requests.length, 0);
  t.equal(await scene.berth.metric('berth_redirects_total', { delivery: 'passthrough' }), 1);
  const served = await openScene(t, {
    registry: { delivery: 'passthrough' },
    blobs: { kind: 'serve', ranges: 'all' },
  });
  const range = await served.send(served.blobPath, { headers: { range: 'bytes=1-3' } });
  t.equal(range.status, 206);
  t.ok(range.body.equals(served.blob.subarray(1, 4)));
});

t.test('B6 passthrough: a relative redirect leads to the upstream, not to Berth', async (t) => {
  let location = '';
  const scene = await openScene(t, {
    registry: { delivery: 'passthrough' },
    blobs: { kind: 'redirect', head: 'redirect', locate: () => location },
  });
  const { url } = scene.registry;
  const rows = [
    [
      '/artifacts-downloads/namespaces/x//y%2Bz?sig=a%2fb',
      `${url}/artifacts-downloads/namespaces/x//y%2Bz?sig=a%2fb`,
    ],
    ['?at=2', `${url}${scene.blobPath}?at=2`],
    ['../other', `${url}/v2/${REPOSITORY}/other`],
    [
      '//eusreplstore28.blob.core.windows.net/c//data',
      'https://eusreplstore28.blob.core.windows.net/c//data',
    ],
    [
      'HTTPS://Eusreplstore28.blob.core.windows.net//data',
      'HTTPS://Eusreplstore28.blob.core.windows.net//data',
    ],
  ] as const;
  for (const [said, given] of rows) {
    location = said;
    for (const method of ['GET', 'HEAD']) {
      const redirect = await scene.send(scene.blobPath, { method });
      t.equal(redirect.status, 307);
      t.equal(redirect.headers.location, given, `${method} ${said}`);
    }
  }
});

t.test('B7 an upstream that serves blobs itself', async (t) => {
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: USERS },
    blobs: { kind: 'serve', ranges: 'all' },
  });
  const grant = await scene.send(
    `/oauth2/token?service=${scene.registry.host}&scope=repository:${REPOSITORY}:pull`,
    {
      headers: { authorization: `Basic ${Buffer.from('ana:pw').toString('base64')}` },
    },
  );
  const { token } = JSON.parse(grant.body.toString());
  const url = await scene.ticketUrl({ authorization: `Bearer ${token}` });
  t.notMatch(url, token, 'the token is sealed');
  const got = await scene.send(url);
  t.equal(got.status, 200);
  t.ok(got.body.equals(scene.blob), 'fetched with the sealed token');
  t.equal((await scene.send(url, { headers: { range: 'bytes=5-6' } })).status, 206);
  scene.registry.tokens?.revokeAll();
  t.equal((await scene.send(url)).status, 403, 'the registry has the last word');

  const withBasic = await openScene(t, {
    auth: { kind: 'basic', users: USERS },
    blobs: { kind: 'serve', ranges: 'ignored' },
  });
  const headers = { authorization: `Basic ${Buffer.from('ana:pw').toString('base64')}` };
  const inline = await withBasic.send(withBasic.blobPath, { headers });
  t.equal(inline.status, 200, 'a password is never sealed: delivered inline');
  t.ok(inline.body.equals(withBasic.blob));

  const open = await openScene(t, { blobs: { kind: 'serve', ranges: 'noSuffix' } });
  const suffix = await open.send(await open.ticketUrl(), { headers: { range: 'bytes=-7' } });
  t.ok(suffix.body.equals(open.blob.subarray(-7)), 'no credentials are needed');
});

t.test('B8 401, 403 and 404 come back as they are', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS } });
  t.equal((await scene.send(scene.blobPath)).status, 401);
  t.equal((await scene.send(scene.blobPath, { headers: { authorization: 'Bearer wrong' } })).status, 401);
  const open = await openScene(t);
  for (const method of ['GET', 'HEAD']) {
    const unknown = await open.send(`/v2/${REPOSITORY}/blobs/sha256:${'0'.repeat(64)}`, { method });
    t.equal(unknown.status, 404);
    if (method === 'GET') t.equal(errorOf(unknown).code, 'BLOB_UNKNOWN');
  }
  open.registry.intercept = ({ response }) => {
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(
      '{"errors":[{"code":"DENIED","message":"client with IP is not allowed access","detail":{}}]}',
    );
    return true;
  };
  const denied = await open.send(open.blobPath);
  t.equal(denied.status, 403);
  t.match(errorOf(denied).message, /client with IP/, "the upstream's own words");
});
