import t from 'tap';
import { MANIFEST_TYPE } from '../support/image.ts';
import { openScene, REPOSITORY, type Scene, stableHeaders } from './scene.ts';

const paths = (scene: Scene) => [
  `/v2/${REPOSITORY}/manifests/latest`,
  `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`,
  `/v2/${REPOSITORY}/tags/list`,
  `/v2/${REPOSITORY}/referrers/${scene.manifestDigest}`,
];

/** Answers every request to the registry with a redirect to what `to` says; the storage host holds `scene.manifest`. */
function redirectAll(scene: Scene, to: string, status = 307): void {
  scene.registry.intercept = ({ response }, endpoint) => {
    if (!['manifest', 'tags', 'referrers'].includes(endpoint)) return false;
    response.writeHead(status, { location: to, 'content-length': 0 });
    response.end();
    return true;
  };
}

t.test('C5 redirects to a listed host are followed inside, without credentials', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const scene = await openScene(t, { registry: { publicProbe: false } });
    redirectAll(scene, scene.storage.url, status);
    // The storage host of a manifest holds that manifest.
    scene.storage.fault = null;
    const headers = { authorization: 'Bearer secret-of-ana', cookie: 'a=b', 'x-ms-date': 'now' };
    const tags = await scene.send(`/v2/${REPOSITORY}/tags/list`, { headers });
    t.equal(tags.status, 200, `${status}`);
    t.same(tags.body, scene.blob, 'the content of the other host');
    t.equal(tags.headers.location, undefined);
    t.ok(scene.storage.requests.length > 0);
    for (const seen of scene.storage.requests) {
      t.notMatch(JSON.stringify(seen.headers), /secret-of-ana|a=b|x-ms-date/);
      t.match(seen.target, /\/container\/\/blob\/data\?se=.*&sig=a%2Bb%3D/, 'byte for byte');
    }
  }
});

t.test('C5 a manifest behind a redirect is verified and kept like any other', async (t) => {
  const blob = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, layers: [] }));
  const scene = await openScene(t, { blob });
  redirectAll(scene, scene.storage.url);
  for (const method of ['GET', 'HEAD', 'GET']) {
    const got = await scene.send(`/v2/${REPOSITORY}/manifests/${scene.digest}`, { method });
    t.equal(got.status, 200, method);
    t.equal(got.headers['docker-content-digest'], scene.digest);
    t.equal(got.headers['content-length'], String(blob.length));
    if (method === 'GET') t.same(got.body, blob);
  }
  t.equal(scene.storage.requests.length, 1, 'once');
  const wrong = await scene.send(`/v2/${REPOSITORY}/manifests/sha256:${'0'.repeat(64)}`);
  t.equal(wrong.status, 502, 'the content of another digest');
});

t.test('C5 redirects within the registry keep the credentials; three hops, no fourth', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  let hops = 0;
  scene.registry.intercept = ({ response, path }, endpoint) => {
    if (endpoint !== 'tags' || hops === 0) return false;
    hops -= 1;
    response.writeHead(307, { location: `${path}?hop=${hops}`, 'content-length': 0 });
    response.end();
    return true;
  };
  for (const [redirects, status] of [
    [3, 200],
    [4, 502],
  ] as const) {
    hops = redirects;
    scene.registry.requests.length = 0;
    const headers = { authorization: 'Bearer of-ana' };
    t.equal((await scene.send(`/v2/${REPOSITORY}/tags/list`, { headers })).status, status, `${redirects}`);
    t.equal(scene.registry.requests.length, 4, 'the question and three redirects');
    t.ok(scene.registry.requests.every((seen) => seen.headers.authorization === 'Bearer of-ana'));
  }
});

t.test('C5 a redirect off the list is refused, and nothing is sent there', async (t) => {
  const scene = await openScene(t);
  redirectAll(scene, `https://attacker.example:${scene.storage.port}/x`);
  for (const path of paths(scene)) {
    for (const method of ['GET', 'HEAD']) {
      const refused = await scene.send(path, { method });
      t.equal(refused.status, 502, `${method} ${path}`);
      t.equal(refused.headers.location, undefined);
    }
  }
  t.equal(scene.storage.requests.length, 0);
  const refusals = await scene.berth.metric('berth_redirects_refused_total', { reason: 'host_not_listed' });
  t.ok(refusals >= paths(scene).length * 2);
  t.ok(
    scene.berth.log.some((line) => line['audit'] === 'redirect_location'),
    'an audit event',
  );
});

t.test('C6 pages of tags and catalog lead from one to the next through the login server', async (t) => {
  const scene = await openScene(t, { pageSize: 2 });
  for (const tag of ['a', 'b', 'c', 'd']) {
    scene.registry.store.putManifest(REPOSITORY, tag, MANIFEST_TYPE, scene.manifest);
    scene.registry.store.putManifest(`other/${tag}`, tag, MANIFEST_TYPE, scene.manifest);
  }
  const walk = async (first: string, field: string): Promise<string[]> => {
    const all: string[] = [];
    for (let next: string | undefined = first; next !== undefined; ) {
      const page = await scene.send(next);
      t.equal(page.status, 200, next);
      all.push(...JSON.parse(page.body.toString())[field]);
      const link = page.headers['link'];
      next = link === undefined ? undefined : /^<(\/v2\/[^>]+)>; rel="next"$/.exec(String(link))?.[1];
      t.equal(next === undefined, link === undefined, `understood: ${String(link)}`);
    }
    return all;
  };
  t.strictSame(await walk(`/v2/${REPOSITORY}/tags/list?n=2`, 'tags'), ['a', 'b', 'c', 'd', 'latest']);
  t.strictSame(await walk('/v2/_catalog', 'repositories'), [
    'other/a',
    'other/b',
    'other/c',
    'other/d',
    REPOSITORY,
  ]);
});

t.test('C6 every form of Link becomes a path here, and one that leads away is left out', async (t) => {
  const scene = await openScene(t);
  const { url } = scene.registry;
  const list = `/v2/${REPOSITORY}/tags/list`;
  const rows = [
    { link: `<${url}${list}?last=a&n=2>; rel="next"`, is: `<${list}?last=a&n=2>; rel="next"` },
    { link: `<${list}?last=a%2Fb>; rel=next`, is: `<${list}?last=a%2Fb>; rel=next` },
    { link: '<list?last=a>; rel="next"', is: `<${list}?last=a>; rel="next"` },
    { link: '<?last=a>; rel="next"', is: `<${list}?last=a>; rel="next"` },
    { link: '<https://attacker.example/v2/x>; rel="next"', is: undefined },
    { link: '<//attacker.example/v2/x>; rel="next"', is: undefined },
    { link: '</elsewhere>; rel="next"', is: undefined },
    { link: '<javascript:alert(1)>; rel="next"', is: undefined },
    { link: 'nonsense', is: undefined },
    {
      link: `<https://docs.example/>; rel="help", <${list}?last=a>; rel="next"`,
      is: `<${list}?last=a>; rel="next"`,
    },
  ];
  for (const { link, is } of rows) {
    scene.registry.intercept = ({ response, method }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2, link });
      response.end(method === 'HEAD' ? undefined : '{}');
      return true;
    };
    t.equal((await scene.send(`${list}?n=2`)).headers['link'], is, link);
  }
});

t.test('C6 what the client asks for and what the upstream says about it pass through', async (t) => {
  const scene = await openScene(t);
  const referrer = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: 'application/vnd.example+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json' },
      subject: { digest: scene.manifestDigest },
    }),
  );
  scene.registry.store.putManifest(REPOSITORY, 'signature', MANIFEST_TYPE, referrer);
  const path = `/v2/${REPOSITORY}/referrers/${scene.manifestDigest}`;
  const query = '?artifactType=application%2Fvnd.example%2Bjson';
  const got = await scene.send(`${path}${query}`);
  t.equal(got.status, 200);
  t.equal(JSON.parse(got.body.toString()).manifests.length, 1);
  t.equal(scene.registry.requests.at(-1)?.target, `${path}${query}`, 'the query, byte for byte');
  t.strictSame(stableHeaders(got), {
    'content-type': 'application/vnd.oci.image.index.v1+json',
    'content-length': String(got.body.length),
    'oci-filters-applied': 'artifactType',
    'docker-distribution-api-version': 'registry/2.0',
    connection: 'keep-alive',
    'keep-alive': 'timeout=75',
  });
  const head = await scene.send(`${path}${query}`, { method: 'HEAD' });
  t.strictSame(stableHeaders(head), stableHeaders(got), 'HEAD has the fields of GET');
  const unknown = await scene.send('/v2/no/such/tags/list');
  t.equal(unknown.status, 404);
  t.match(unknown.body.toString(), /NAME_UNKNOWN/);
});
