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
  t.equal(pages, 2);
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
  for (const status of [203, 204, 206]) {
    scene.registry.intercept = ({ response }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 204 ? undefined : '{"repositories":["secret/a"]}');
      return true;
    };
    const odd = await scene.send('/v2/_catalog');
    t.equal(odd.status, 502, `${status} is no catalog`);
    t.notMatch(odd.body.toString(), /secret/);
  }
});

t.test(
  'G3 no page tells of closed repositories: with and without them, the answers are the same',
  async (t) => {
    const open = ['a', 'b', 'm', REPOSITORY, 'y'];
    const walks: string[] = [];
    for (const closed of [
      [],
      ['a-internal', 'n-internal', 'secret/a', 'secret/b', 'secret/c', 'secret/d', 'z-internal'],
    ]) {
      const scene = await openRules(t, [deny('secret/**'), deny('*-internal')], { pageSize: 2 });
      for (const name of [...open, ...closed])
        scene.registry.store.putManifest(name, 'v', MANIFEST_TYPE, scene.manifest);
      const walk: unknown[] = [];
      for (const query of ['', '?n=1', '?n=2', '?n=3', '?n=5', '?n=100', '?n=100000']) {
        for (let next: string | undefined = `/v2/_catalog${query}`; next !== undefined; ) {
          const page = await scene.send(next);
          t.equal(page.status, 200, next);
          const link = String(page.headers['link'] ?? '');
          next = /^<(\/v2\/_catalog\?next=[\w-]+)>; rel="next"$/.exec(link)?.[1];
          walk.push([query, page.body.toString(), link.length]);
        }
      }
      walks.push(JSON.stringify(walk));
      const asked = scene.registry.requests.length;
      for (const query of [
        'n=1&last=secret',
        'last=',
        'l%61st=secret/a',
        'n=0',
        'n=-1',
        'n=x',
        'n=1&n=2',
        'n=',
      ]) {
        const refused = await scene.send(`/v2/_catalog?${query}`);
        t.equal(refused.status, 400, query);
      }
      t.equal(scene.registry.requests.length, asked, 'the upstream is not asked');
      await scene.send('/v2/_catalog?n=1&x=1;last=secret&Last=secret&next_page=secret');
      t.equal(
        scene.registry.requests.at(-1)?.target.includes('secret'),
        false,
        'fields of no meaning stay here',
      );
    }
    t.equal(walks[1], walks[0]);
    t.match(walks[0], /"\?n=1","{\\"repositories\\":\[\\"a\\"\]}"/);
  },
);

t.test(
  'G3 one question of a client is a bounded number upstream, also of one that links in a circle',
  async (t) => {
    const scene = await openRules(t, [deny('secret/**')]);
    scene.registry.intercept = ({ response }) => {
      response.setHeader('link', '</v2/_catalog?last=secret/a>; rel="next"');
      response.end('{"repositories":["secret/a"]}');
      return true;
    };
    const page = await scene.send('/v2/_catalog');
    t.equal(page.status, 200);
    t.equal(page.body.toString(), '{"repositories":[]}');
    t.match(page.headers['link'], /next=/);
    t.equal(scene.registry.requests.length, 30);
  },
);

t.test('G3 a page goes on where the one before ended, also once that repository is gone', async (t) => {
  const scene = await openRules(t, [deny('secret/**')]);
  let repositories: readonly string[] = ['a', 'secret/a', 'b', 'c'];
  scene.registry.intercept = ({ response }) => {
    response.setHeader('link', '</v2/_catalog>; title="<x>, y"; rel="first"');
    response.end(JSON.stringify({ repositories }));
    return true;
  };
  const first = await scene.send('/v2/_catalog?n=2');
  t.equal(first.body.toString(), '{"repositories":["a","b"]}');
  const next = /<(.+)>/.exec(String(first.headers['link']))?.[1] ?? '';
  t.equal((await scene.send(next)).body.toString(), '{"repositories":["c"]}');
  repositories = ['a', 'c'];
  t.equal(
    (await scene.send(next)).body.toString(),
    '{"repositories":["a","c"]}',
    'the page once more, none left out',
  );
});

t.test('G3 the next page is what the upstream links to as such, of whatever form', async (t) => {
  const scene = await openRules(t, [deny('secret/**')]);
  for (const link of [
    '</v2/_catalog?n=1>; rel="first", </v2/_catalog?p=2>; rel=next',
    `<${scene.registry.url}/v2/_catalog?p=2>; title="a, b"; REL="prev Next"`,
    '<?p=2>; rel="next"; title=x',
  ]) {
    scene.registry.intercept = ({ request, response }) => {
      const second = request.url?.endsWith('?p=2') === true;
      if (!second) response.setHeader('link', link);
      response.end(JSON.stringify({ repositories: second ? ['b'] : ['secret/a'] }));
      return true;
    };
    t.equal((await scene.send('/v2/_catalog')).body.toString(), '{"repositories":["b"]}', link);
  }
  scene.registry.intercept = ({ request, response }) => {
    const second = request.url?.includes('?at=') === true;
    response.setHeader('link', `</v2/_catalog?at=${'x'.repeat(7000)}>; rel="next"`);
    response.end(JSON.stringify({ repositories: second ? ['b', 'c'] : ['secret/a'] }));
    return true;
  };
  t.equal((await scene.send('/v2/_catalog?n=1')).status, 502, 'a link that is too long to be passed on');
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

t.test('G4 of the query of an upload only what its keys exactly say goes upstream', async (t) => {
  const scene = await openRules(t, [deny('secret/**')]);
  const mounted = scene.digest;
  scene.registry.store.putBlob('secret/app', mounted, scene.blob);
  const uploads = '/v2/other/app/blobs/uploads/';
  const open = `mount=${mounted}&from=${REPOSITORY}`;
  const rows: readonly (readonly [string, string])[] = [
    [`Mount=${mounted}&From=secret/app`, ''],
    [`${open}&From=secret/app&FROM=secret/app`, `?${open}`],
    [`from[]=secret/app&mount[]=${mounted}&%6dount=${mounted}`, ''],
    [`mount=${mounted}&From=${REPOSITORY}`, ''],
    [
      `x-from=secret/app&&digest=${mounted}&digest-algorithm=sha256`,
      `?digest=${mounted}&digest-algorithm=sha256`,
    ],
  ];
  for (const [query, asked] of rows) {
    await scene.send(`${uploads}?${query}`, { method: 'POST' });
    t.equal(scene.registry.requests.at(-1)?.target, `${uploads}${asked}`, query);
  }
  const start = await scene.send(uploads, { method: 'POST' });
  const { location = '' } = start.headers;
  const query = `mount=${mounted}&Mount=${mounted}&from=${REPOSITORY}&From=secret/app&digest=${mounted}`;
  t.equal((await scene.send(`${location}?${query}`, { method: 'PUT', body: scene.blob })).status, 201);
  t.match(scene.registry.requests.at(-1)?.target, new RegExp(`[?&]digest=${mounted}$`));
  t.notMatch(scene.registry.requests.at(-1)?.target, /from|mount/i);
});

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
