import t, { type Test } from 'tap';
import { NO_BLOB_CACHE, startBerth, testRegistry } from '../support/berth.ts';
import { testDirectory } from '../support/test-directory.ts';
import { allowedBytes } from './allowed-bytes.ts';
import { openScene, type Scene, type SceneOptions } from './scene.ts';

/** A scene whose Berth keeps blobs, in pieces small enough for several of them. */
function openCachedScene(t: Test, options: SceneOptions = {}): Promise<Scene> {
  const cache = {
    ...NO_BLOB_CACHE,
    memoryMaxBytes: 1024 * 1024,
    directory: testDirectory(t),
    pieceBytes: 256 * 1024,
  };
  return openScene(t, { blobBytes: 3_000_000, ...options, config: { cache, ...options.config } });
}

t.test('K1 a blob is fetched once, for all who ask at the same time, and then kept', async (t) => {
  const scene = await openCachedScene(t);
  const url = await scene.ticketUrl();
  const cold = await Promise.all(Array.from({ length: 20 }, () => scene.send(url)));
  for (const got of cold) {
    t.equal(got.status, 200);
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(scene.blob));
  }
  const fetched = await scene.berth.metric('berth_upstream_bytes_total', { upstream: 'storage' });
  t.ok(
    fetched <= (await allowedBytes(scene.berth, scene.blob.length)),
    `${fetched} bytes of ${scene.blob.length}`,
  );
  const asked = scene.storage.requests.length;
  // The last client has its bytes a moment before the blob is on disk for good.
  const kept = () => scene.berth.metric('berth_cache_entries', { state: 'published' });
  while ((await kept()) === 0) await new Promise((resolve) => setImmediate(resolve));
  const warm = await scene.send(url);
  t.ok(warm.body.equals(scene.blob));
  t.equal(scene.storage.requests.length, asked, 'storage is not asked again');
  t.equal(
    await scene.berth.metric('berth_blob_transmit_bytes_total', { source: 'cache' }),
    scene.blob.length,
  );
});

t.test(
  'K1 a source that is faster than the disk is waited for in order, and asked for nothing twice',
  async (t) => {
    const cache = {
      ...NO_BLOB_CACHE,
      memoryMaxBytes: 1024 * 1024,
      directory: testDirectory(t),
      pieceBytes: 4 * 1024 * 1024,
    };
    const scene = await openScene(t, { blobBytes: 40 * 1024 * 1024, config: { cache } });
    const got = await scene.send(await scene.ticketUrl());
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(scene.blob));
    const fetched = await scene.berth.metric('berth_upstream_bytes_total', { upstream: 'storage' });
    const hedges = await scene.berth.metric('berth_fill_hedges_total');
    const allowed = hedges > 0 ? scene.blob.length * 1.05 : scene.blob.length + 64 * 1024;
    t.ok(fetched <= allowed, `${fetched} bytes of ${scene.blob.length}, ${hedges} hedges`);
  },
);

t.test('K2 ranges of a blob that is not there yet, that is being fetched, and that is kept', async (t) => {
  const scene = await openCachedScene(t);
  const url = await scene.ticketUrl();
  const ranges: [string, number, number | undefined][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=1000000-1999999', 1_000_000, 2_000_000],
    ['bytes=-7', -7, undefined],
    ['bytes=2999999-', 2_999_999, undefined],
  ];
  const all = async (when: string) => {
    for (const [range, from, to] of ranges) {
      const part = await scene.send(url, { headers: { range } });
      t.equal(part.status, 206, `${range} ${when}`);
      t.ok(part.body.equals(scene.blob.subarray(from, to)), `${range} ${when}`);
    }
    const several = await scene.send(url, { headers: { range: 'bytes=0-9,100-109' } });
    t.match(several.headers['content-type'], /^multipart\/byteranges/, when);
    t.equal((await scene.send(url, { headers: { range: 'bytes=3000000-' } })).status, 416, when);
  };
  await all('cold');
  await Promise.all([scene.send(url), all('while it is fetched')]);
  await all('kept');
});

t.test('K3 a wrong blob reaches nobody whole and is not kept', async (t) => {
  const scene = await openCachedScene(t);
  scene.storage.fault = { kind: 'wrongBytes' };
  const url = await scene.ticketUrl();
  const got = await Promise.all(Array.from({ length: 5 }, () => scene.send(url).catch(() => undefined)));
  for (const one of got) t.not(one?.ended, 'complete');
  t.ok((await scene.berth.metric('berth_blob_digest_mismatches_total', { stage: 'blob' })) >= 1);
  t.equal(await scene.berth.metric('berth_blob_transmit_bytes_total', { source: 'cache' }), 0);
});

t.test('K4 what is kept is open to nobody whom the upstream refuses', async (t) => {
  const users = [
    { name: 'ana', password: 'pw', repositories: ['team/app'] },
    { name: 'ben', password: 'pw', repositories: [] },
  ];
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openCachedScene(t, { auth: { kind: 'bearer', users }, registry: { delivery } });
    const tokenOf = async (user: string) => {
      const scope = `service=${scene.registry.host}&scope=repository:team/app:pull`;
      const answer = await scene.send(`/oauth2/token?${scope}`, {
        headers: { authorization: `Basic ${Buffer.from(`${user}:pw`).toString('base64')}` },
      });
      return { authorization: `Bearer ${JSON.parse(answer.body.toString()).token}` };
    };
    const ana = await tokenOf('ana');
    const url = delivery === 'dedicated' ? await scene.ticketUrl(ana) : scene.blobPath;
    const got = await scene.send(url, delivery === 'dedicated' ? {} : { headers: ana });
    t.ok(got.body.equals(scene.blob), 'hers, and now kept');
    for (const headers of [{}, await tokenOf('ben'), { authorization: 'Bearer forged' }]) {
      t.equal((await scene.send(scene.blobPath, { headers })).status, 401, delivery);
      t.equal((await scene.send(scene.blobPath, { method: 'HEAD', headers })).status, 401, delivery);
    }
  }
});

t.test('K5 what one registry sent unverified is not believed for another', async (t) => {
  const directory = testDirectory(t);
  const cache = { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory, pieceBytes: 64 * 1024 };
  const honest = await openScene(t, { blobBytes: 600_000, config: { cache: { ...cache, directory: null } } });
  // A registry of somebody else's that names the same digest, and sends other bytes.
  const hostile = await openScene(t, { blobBytes: 600_000 });
  hostile.storage.fault = { kind: 'wrongBytes' };
  const both = await startBerth({
    authority: honest.authority,
    registries: [
      ...honest.berth.config.registries,
      testRegistry({
        name: 'other',
        loginServer: 'other.registry.example',
        storagePorts: [hostile.storage.port],
        upstream: { url: hostile.registry.url, caFile: hostile.authority.caFile },
      }),
    ],
    config: { cache },
  });
  t.teardown(() => both.close());
  const path = honest.blobPath;
  const ticket = async (host: string) => {
    const answer = await both.client.send(`https://${host}${path}`);
    return answer.headers.location ?? '';
  };
  const range = { range: 'bytes=590000-' };
  const lie = await both.client.send(await ticket('other.registry.example'), { headers: range });
  t.equal(lie.status, 206);
  t.notOk(lie.body.equals(honest.blob.subarray(590_000)), 'its own clients get what it sends');
  const right = await both.client.send(await ticket('contoso.registry.example'), { headers: range });
  t.equal(right.status, 206);
  t.ok(right.body.equals(honest.blob.subarray(590_000)), 'the other registry is asked for its own');
});
