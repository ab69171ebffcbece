import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { parseDigest } from '../../../src/oci/digest.ts';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';
import { createProcessState } from '../../../src/state/create-process-state.ts';
import { createRegionalUpstream, isRegional } from '../../../src/upstream/regional/regional-upstream.ts';
import type { UpstreamRegistry } from '../../../src/upstream/upstream-registry.ts';
import { NO_PROBES } from '../../flow/regions-scene.ts';
import { openUpstream, patient, registryConfig, serve } from '../servers.ts';

const parsed = parseDigest(`sha256:${'a'.repeat(64)}`);
const repository = parseRepositoryName('team/app');
if (parsed.kind !== 'ok' || repository === undefined) throw new Error('test data');
const { digest } = parsed;
const STORAGE = 'blob.core.windows.net';

type Opened = {
  readonly upstream: UpstreamRegistry;
  /** Region of each question, in order. */
  readonly asked: string[];
  readonly urls: Readonly<Record<string, string>>;
};

/** Three regions; each sends blobs to the storage host that `storageOf` names, or where it says as a path. */
async function open(t: Test, storageOf: (region: string) => string = (region) => region): Promise<Opened> {
  const asked: string[] = [];
  const start = async (region: string): Promise<string> => {
    const { url } = await serve(t, (request, response) => {
      asked.push(region);
      const storage = storageOf(region);
      const location = storage.startsWith('/') ? storage : `https://${storage}.${STORAGE}/blob`;
      const isBlob = request.url?.includes('/blobs/') === true;
      response.writeHead(isBlob ? 307 : 200, { location, 'content-length': 0 }).end();
    });
    return url;
  };
  const urls = { east: await start('east'), west: await start('west'), north: await start('north') };
  const redirectHosts = [{ host: `*.${STORAGE}`, pathPattern: null }];
  const region = (name: string, url?: string) => ({
    name,
    match: [`${name}.${STORAGE}`],
    upstream: url === undefined ? null : { url, auth: null },
    clients: [],
  });
  const registry = registryConfig(urls.east, {
    redirectHosts,
    regions: [region('east'), region('west', urls.west), region('north', urls.north)],
  });
  const upstream = createRegionalUpstream(
    registry,
    (one, onOutcome) =>
      openUpstream(t, registryConfig(one?.upstream?.url ?? urls.east, { redirectHosts }), { onOutcome }),
    {
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
      now: Date.now,
      random: () => 1,
      records: createProcessState(),
      timings: NO_PROBES,
    },
  );
  t.teardown(() => upstream.close());
  return { upstream, asked, urls };
}

const question = { repository, digest, authorization: undefined, signal: patient() };

t.test('X9 the region of the host that failed comes last', async (t) => {
  const { upstream, asked } = await open(t);
  t.match(await upstream.locateBlob(question), { host: `east.${STORAGE}`, region: 'east' });
  const avoid = `https://east.${STORAGE}`;
  t.match(await upstream.locateBlob({ ...question, avoid }), { host: `west.${STORAGE}`, region: 'west' });
  t.match(await upstream.locateBlob({ ...question, avoid, region: 'north' }), { region: 'north' });
  t.same(asked, ['east', 'west', 'north']);
});

t.test('X9 where every region names it, it is given all the same', async (t) => {
  const { upstream, asked } = await open(t, () => 'east');
  const avoid = `https://east.${STORAGE}`;
  t.match(await upstream.locateBlob({ ...question, avoid }), { host: `east.${STORAGE}` });
  t.same(asked, ['west', 'north', 'east']);
});

t.test('B6 a redirect that is relative is one of the region that gave it', async (t) => {
  const { upstream, urls } = await open(t, (region) => (region === 'north' ? 'north' : `/${region}/blob`));
  const path = `/v2/team/app/blobs/${digest}`;
  const locationAt = async (region: string): Promise<string | undefined> => {
    const response = await upstream.request({ method: 'GET', path, region, signal: patient() });
    response.drop(0, 0);
    return response.headers.location;
  };
  for (const region of ['east', 'west']) {
    t.equal(await locationAt(region), `${urls[region]}/${region}/blob`);
  }
  t.equal(await locationAt('north'), `https://north.${STORAGE}/blob`);
});

t.test("locations at any region's registry are known as such, and others by the rules", async (t) => {
  const { upstream, urls } = await open(t);
  const check = (url: string) => upstream.checkLocation(url, upstream.origin);
  t.match(check(`${urls['west']}/v2/x`), { kind: 'ok', sameOrigin: true });
  t.match(check(`https://west.${STORAGE}/blob`), { kind: 'ok', sameOrigin: false });
  t.match(check('https://evil.example/'), { kind: 'refused', reason: 'host_not_listed' });
  const relative = upstream.checkLocation('/v2/y', `${urls['west']}/v2/x`);
  t.match(relative, { kind: 'ok', url: `${urls['west']}/v2/y` });
});

t.test('the order of regions names decisions; one upstream alone has none', async (t) => {
  const { upstream } = await open(t);
  t.equal(upstream.regions?.order(undefined), 'east,west,north');
  t.equal(upstream.regions?.order('north'), 'north,east,west');
  t.equal(upstream.regions?.order('nowhere'), 'east,west,north');
  t.equal(upstream.regions?.isUsable('nowhere'), true);
  t.match(upstream.regions?.status(), [
    { region: 'east', isHome: true, state: 'healthy' },
    { region: 'west', isHome: false },
    { region: 'north' },
  ]);
  t.equal(isRegional(registryConfig('https://x.example')), false);
});
