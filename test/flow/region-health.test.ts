import t from 'tap';
import { MANIFEST_TYPE } from '../support/image.ts';
import {
  answerAll,
  cutOff,
  HERE,
  hostOf,
  openRegions,
  putManifest,
  REPOSITORY,
  type RegionsScene,
  restore,
  until,
} from './regions-scene.ts';

const EAST = 'contoso.eastus.data.registry.example';
const WEST = 'contoso.westus.data.registry.example';
const accept = { accept: MANIFEST_TYPE };
const manifestPath = (reference: string) => `/v2/${REPOSITORY}/manifests/${reference}`;
/** Probes as fast as a test wants them. */
const QUICK = { intervalMs: 20, failingIntervalMs: 20, timeoutMs: 2_000, holdMs: 100 };

const healthy = (scene: RegionsScene, region: string) =>
  scene.berth.metric('berth_region_healthy', { region });
const states = ({ berth }: RegionsScene): string[] =>
  berth.log.flatMap((line) => ('part' in line ? [`${String(line['region'])} ${String(line['msg'])}`] : []));

t.test('X6 a registry that fails is not asked any more, until all do', async (t) => {
  const scene = await openRegions(t);
  putManifest('same', 'latest', scene.home, scene.west);
  t.equal(await healthy(scene, 'eastus'), 1);
  answerAll(scene.home, 503);
  for (let time = 0; time < 3; time += 1) {
    t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 200);
  }
  t.equal(await healthy(scene, 'eastus'), 0);
  t.equal(await healthy(scene, 'westus'), 1);
  t.same(states(scene), ['eastus region is left out']);
  const asked = scene.home.registry.requests.length;
  t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 200);
  t.equal(scene.home.registry.requests.length, asked, 'not asked');
  t.ok((await scene.failovers('eastus', 'unhealthy')) > 0);

  cutOff(scene.west);
  restore(scene.home);
  t.equal((await scene.send(manifestPath('latest'), { headers: accept })).status, 200, 'all that is left');
});

t.test('X6 storage that fails: no new ticket for it, also where a decision had named it', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE] });
  const ticket = await scene.send(scene.blobPath);
  t.equal(hostOf(ticket), WEST);
  scene.west.storage.fault = { kind: 'cutAfter', bytes: 1_000, how: 'reset' };
  const got = await scene.send(ticket.headers.location ?? '');
  t.ok(got.ended !== 'complete' || got.body.equals(scene.blob), 'never wrong');
  await until('the storage is left out', async () => {
    if ((await healthy(scene, 'westus')) === 0) return true;
    await scene.send(ticket.headers.location ?? '');
    return false;
  });
  const next = await scene.send(scene.blobPath);
  t.equal(hostOf(next), EAST);
  t.ok((await scene.send(next.headers.location ?? '')).body.equals(scene.blob));
  const requests = (region: string, part: string, result: string) =>
    scene.berth.metric('berth_region_requests_total', { region, part, result });
  t.ok((await requests('westus', 'storage', 'failed')) >= 3);
  t.equal(await requests('westus', 'storage', 'ok'), 0);
  t.equal(await requests('westus', 'registry', 'failed'), 0);
  await until('a whole transfer is counted', async () => (await requests('eastus', 'storage', 'ok')) > 0);
});

t.test('X6 where all storage fails, a ticket all the same', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE] });
  const fault = { kind: 'status', status: 503 } as const;
  for (const region of [scene.west, scene.home]) region.storage.fault = fault;
  await until('both are left out', async () => {
    const ticket = await scene.send(scene.blobPath);
    await scene.send(ticket.headers.location ?? '');
    return (await healthy(scene, 'westus')) === 0 && (await healthy(scene, 'eastus')) === 0;
  });
  t.equal((await scene.send(scene.blobPath)).status, 307);
});

t.test('X6 probes find out before anybody asks', async (t) => {
  const scene = await openRegions(t, { timings: QUICK });
  await until(
    'probed',
    async () => (await scene.berth.metric('berth_region_probes_total', { result: 'ok' })) > 2,
  );
  answerAll(scene.west, 503);
  await until('left out', async () => (await healthy(scene, 'westus')) === 0);
  t.ok((await scene.berth.metric('berth_region_probes_total', { region: 'westus', result: 'failed' })) > 0);
  t.equal(scene.west.registry.count('manifest'), 0);
});

t.test('X7 it is used again by itself', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE], timings: QUICK });
  putManifest('same', 'latest', scene.home, scene.west);
  const redirect = await scene.send(scene.blobPath);
  await scene.send(redirect.headers.location ?? '');
  cutOff(scene.west);
  scene.west.storage.fault = { kind: 'status', status: 503 };
  await until('left out', async () => (await healthy(scene, 'westus')) === 0);
  t.equal(hostOf(await scene.send(scene.blobPath)), EAST);
  restore(scene.west);
  scene.west.storage.fault = null;
  await until('back', async () => (await healthy(scene, 'westus')) === 1);
  await until('asked', async () => hostOf(await scene.send(scene.blobPath)) === WEST);
  t.ok(states(scene).includes('westus region is used again'));
  await until('trusted', () => Promise.resolve(states(scene).includes('westus region is healthy again')));
});

t.test('X9 a transfer under way goes on from another region', async (t) => {
  const scene = await openRegions(t, { westClients: [HERE], blobBytes: 3_000_000 });
  const ticket = await scene.send(scene.blobPath);
  t.equal(hostOf(ticket), WEST);
  scene.west.storage.fault = { kind: 'cutAfter', bytes: 700_000, how: 'reset' };
  const got = await scene.send(ticket.headers.location ?? '');
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob));
  t.ok(scene.home.storage.requests.length > 0, 'from home');
});
