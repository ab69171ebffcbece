import t, { type Test } from 'tap';
import type { RepositoryRule } from '../../src/config/config.ts';
import { startBerth, testRegistry } from '../support/berth.ts';
import type { TestResponse } from '../support/http-client.ts';
import { MANIFEST_TYPE } from '../support/image.ts';
import { errorOf, openScene, REPOSITORY, type Scene, type SceneOptions } from './scene.ts';

const deny = (pattern: string): RepositoryRule => ({ action: 'deny', pattern });
const allow = (pattern: string): RepositoryRule => ({ action: 'allow', pattern });

function openRules(
  t: Test,
  repositories: readonly RepositoryRule[],
  more: SceneOptions = {},
): Promise<Scene> {
  return openScene(t, { ...more, registry: { publicProbe: false, rules: { repositories } } });
}

/** What is the same for every such refusal. */
function refusalOf(response: TestResponse) {
  const { code, message } = errorOf(response);
  return { status: response.status, code, message };
}

t.test(
  'G1 a closed repository: the same 403 for every question, there or not, and the upstream is not asked',
  async (t) => {
    const scene = await openRules(t, [deny('secret/**')]);
    scene.registry.store.putBlob('secret/app', scene.digest, scene.blob);
    scene.registry.store.putManifest('secret/app', 'latest', MANIFEST_TYPE, scene.manifest);
    const seen = new Set<string>();
    for (const repository of ['secret/app', 'secret/not/there']) {
      for (const [method, path] of [
        ['GET', `manifests/latest`],
        ['HEAD', `manifests/${scene.manifestDigest}`],
        ['PUT', `manifests/latest`],
        ['DELETE', `manifests/latest`],
        ['GET', `blobs/${scene.digest}`],
        ['HEAD', `blobs/${scene.digest}`],
        ['DELETE', `blobs/${scene.digest}`],
        ['GET', 'tags/list'],
        ['GET', `referrers/${scene.manifestDigest}`],
        ['POST', 'blobs/uploads/'],
        ['POST', `blobs/uploads/?mount=${scene.digest}&from=${REPOSITORY}`],
        ['GET', 'blobs/uploads/abc'],
        ['PATCH', 'blobs/uploads/abc'],
        ['PUT', 'blobs/uploads/abc'],
        ['DELETE', 'blobs/uploads/abc'],
      ] as const) {
        const refused = await scene.send(`/v2/${repository}/${path}`, { method });
        t.equal(refused.status, 403, `${method} ${repository} ${path}`);
        if (method !== 'HEAD') seen.add(JSON.stringify(refusalOf(refused)));
      }
    }
    t.equal(seen.size, 1, 'one answer for all of them');
    t.match([...seen][0], /"DENIED".*rules\.repositories/);
    t.equal(scene.registry.requests.length, 0);
    t.equal((await scene.send(`/v2/${REPOSITORY}/manifests/latest`)).status, 200, 'others stay open');
  },
);

t.test('G2 deny beats allow in any order, and an allow rule closes what none names', async (t) => {
  const inOrder = [allow('team/**'), deny('team/*/debug'), deny('**/internal'), allow('base')];
  for (const repositories of [inOrder, inOrder.toReversed()]) {
    const scene = await openRules(t, repositories);
    const rows: readonly (readonly [string, boolean])[] = [
      ['team/app', true],
      ['team/a/b/c', true],
      ['team/app/debug', false],
      ['team/a/b/debug', true],
      ['team/internal', false],
      ['team/a/internal', false],
      ['internal', false],
      ['base', true],
      ['base/x', false],
      ['team', false],
      ['teams/app', false],
    ];
    for (const [repository, open] of rows) {
      const { status } = await scene.send(`/v2/${repository}/tags/list`);
      t.equal(status === 403, !open, `${repository}: ${status}`);
    }
  }
});

t.test('G3 the catalog shows what is open, page by page, and no name of the rest', async (t) => {
  const scene = await openRules(t, [deny('secret/**'), deny('*-internal')], { pageSize: 2 });
  for (const name of ['a-internal', 'b', 'c', 'secret/a', 'secret/b', 'secret/c', 'z']) {
    scene.registry.store.putManifest(name, 'v', MANIFEST_TYPE, scene.manifest);
  }
  const seen: string[] = [];
  let pages = 0;
  let everything = '';
  for (let next: string | undefined = '/v2/_catalog?n=2'; next !== undefined; pages += 1) {
    const page = await scene.send(next);
    t.equal(page.status, 200);
    t.equal(page.headers['content-type'], 'application/json');
    everything += page.body.toString() + JSON.stringify(page.headers);
    seen.push(...JSON.parse(page.body.toString()).repositories);
    next = /^<(\/v2\/_catalog\?next=[\w-]+)>; rel="next"$/.exec(String(page.headers['link'] ?? ''))?.[1];
    t.equal(next === undefined, page.headers['link'] === undefined, 'the link is understood');
  }
  t.strictSame(seen, ['b', 'c', REPOSITORY, 'z']);
  t.equal(pages, 4);
  t.notMatch(everything, /secret|internal/, 'a link names no closed repository either');
  t.equal((await scene.send('/v2/_catalog?next=forged')).status, 400);
  const head = await scene.send('/v2/_catalog?n=2', { method: 'HEAD' });
  const get = await scene.send('/v2/_catalog?n=2');
  t.equal(head.headers['content-length'], get.headers['content-length']);
  t.ok(scene.registry.requests.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  scene.registry.intercept = ({ response }) => {
    response.end('{"repositories":"secret/a"}');
    return true;
  };
  t.equal((await scene.send('/v2/_catalog')).status, 502, 'what can not be filtered is not passed on');
});

t.test(
  'G4 a mount from a closed repository is refused, and one from anywhere starts an upload',
  async (t) => {
    const scene = await openRules(t, [deny('secret/**')]);
    const mounted = scene.digest;
    scene.registry.store.putBlob('secret/app', mounted, scene.blob);
    const uploads = '/v2/other/app/blobs/uploads/';
    for (const query of [
      `mount=${mounted}&from=secret/app`,
      `mount=${mounted}&from=secret%2Fapp`,
      `mount=${mounted}&%66rom=secret/app`,
      `from=${REPOSITORY}&mount=${mounted}&from=secret/app`,
      `mount=${mounted}&from=Secret/App`,
      `mount=${mounted}&from=/secret/app`,
      `x=1;mount=${mounted};from=secret/app`,
    ]) {
      const refused = await scene.send(`${uploads}?${query}`, { method: 'POST' });
      t.equal(refused.status, 403, query);
      t.equal(errorOf(refused).code, 'DENIED');
    }
    t.equal(scene.registry.requests.length, 0);
    const open = await scene.send(`${uploads}?mount=${mounted}&from=${REPOSITORY}`, { method: 'POST' });
    t.equal(open.status, 201, 'an open repository may be mounted from');
    const anywhere = await scene.send(`${uploads}?mount=${mounted}`, { method: 'POST' });
    t.equal(anywhere.status, 202);
    t.notMatch(scene.registry.requests.at(-1)?.target, /mount/, 'the upstream does not choose');
  },
);

t.test('G5 a ticket from before is worth nothing once its repository is closed', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const registry = testRegistry({
    storagePorts: [scene.storage.port],
    upstream: { url: scene.registry.url, caFile: scene.authority.caFile },
    rules: { repositories: [deny(REPOSITORY)] },
  });
  const { authority } = scene;
  const later = await startBerth({ authority, registries: [registry], ticketKeys: scene.berth.ticketKeys });
  t.teardown(() => later.close());
  for (const method of ['GET', 'HEAD'])
    t.equal((await later.client.send(url, { method })).status, 403, method);
  t.equal(errorOf(await later.client.send(url)).code, 'DENIED');
  t.equal(scene.storage.requests.length, 0, 'storage is not asked');
  t.equal((await scene.send(url)).status, 200, 'where it is open, the ticket is still good');
});
