import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { testDirectory } from '../support/test-directory.ts';
import { errorOf, openScene, REPOSITORY, type Scene, type SceneOptions } from './scene.ts';

/** What portals, gateways and balancers put before a registry with 200, for whoever has not logged in. */
const PAGES: readonly (readonly [type: string, body: string])[] = [
  ['text/html; charset=utf-8', '<html>log in</html>'],
  ['application/json', '{"errors":[{"code":"DENIED"}]}'],
];
const MINE = { authorization: 'Bearer mine' };

/** A registry that serves blobs itself, behind something that answers everybody but one caller with a page. */
async function openBehindPage(
  t: Test,
  [type, body]: readonly [string, string],
  options: SceneOptions = {},
): Promise<Scene> {
  const scene = await openScene(t, {
    blobs: { kind: 'serve', ranges: 'all' },
    ...options,
    registry: { delivery: 'inline', ...options.registry },
    config: {
      cache: {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 1024 * 1024,
        directory: testDirectory(t),
        pieceBytes: 256 * 1024,
      },
    },
  });
  scene.registry.intercept = ({ request, response, method }) => {
    if (request.headers.authorization === MINE.authorization) return false;
    response.writeHead(200, { 'content-type': type, 'content-length': body.length });
    response.end(method === 'HEAD' ? undefined : body);
    return true;
  };
  return scene;
}

async function untilKept(scene: Scene): Promise<void> {
  const kept = () => scene.berth.metric('berth_cache_entries', { state: 'published' });
  while ((await kept()) === 0) await new Promise((resolve) => setImmediate(resolve));
}

t.test('K4 a page with 200 in place of a blob does not allow the kept one to anybody', async (t) => {
  for (const page of PAGES) {
    const scene = await openBehindPage(t, page, { registry: { publicProbe: false } });
    const first = await scene.send(scene.blobPath, { headers: MINE });
    t.ok(first.body.equals(scene.blob));
    await untilKept(scene);
    const rows = [{}, { range: 'bytes=5-9' }, { range: 'bytes=-3' }, { range: 'bytes=0-1,5-6' }];
    for (const headers of rows) {
      for (const credentials of [{}, { authorization: 'Bearer other' }]) {
        const got = await scene.send(scene.blobPath, { headers: { ...headers, ...credentials } });
        t.equal(got.status, 502, `${page[0]} ${JSON.stringify(headers)}`);
        t.ok(errorOf(got).code);
      }
    }
    t.ok((await scene.send(scene.blobPath, { headers: MINE })).body.equals(scene.blob));
  }
});

t.test('K4 nor does a ticket that came of it', async (t) => {
  for (const page of PAGES) {
    const scene = await openBehindPage(t, page, {
      registry: { publicProbe: false, delivery: 'dedicated' },
    });
    await scene.send(await scene.ticketUrl(MINE));
    await untilKept(scene);
    const asked = await scene.send(scene.blobPath);
    const got = asked.status === 307 ? await scene.send(asked.headers.location ?? '') : asked;
    t.equal(got.status, 502, page[0]);
  }
});

t.test('C8 a page with 200 for everybody is no answer to the public probe', async (t) => {
  const [html] = PAGES;
  if (html === undefined) throw new Error('no page');
  const scene = await openBehindPage(t, html);
  const got = await scene.send(scene.blobPath, { headers: MINE });
  t.equal(got.status, 200);
  t.ok(got.body.equals(scene.blob));
});

t.test('C12 an error document with 200 to a HEAD does not allow a copy, older or newer', async (t) => {
  const path = (scene: Scene) => `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`;
  for (const page of PAGES) {
    for (const before of [true, false]) {
      const scene = await openBehindPage(t, page, { registry: { publicProbe: false } });
      const headers = { authorization: 'Bearer other' };
      if (!before) await scene.send(path(scene), { method: 'HEAD', headers });
      t.equal((await scene.send(path(scene), { headers: MINE })).status, 200);
      for (let i = 0; i < 2; i += 1) {
        const got = await scene.send(path(scene), { headers });
        t.equal(got.status, 502, `${page[0]} ${before ? 'before' : 'after'}`);
        t.notOk(got.body.includes('schemaVersion'));
      }
      t.same((await scene.send(path(scene), { headers: MINE })).body, scene.manifest);
    }
  }
});
