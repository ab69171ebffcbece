import tap from 'tap';
import { startBerth, testRegistry } from './berth.ts';
import { createTestAuthority } from './ca.ts';
import { startFixtureRegistry } from './fixture-registry.ts';
import { buildImage } from './image.ts';

await tap.test('starts Berth before a fixture and sees what it logs and counts', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const registry = await startFixtureRegistry({ authority });
  t.teardown(() => registry.close());
  const image = buildImage({ seed: 'berth', layerSizes: [1000] });
  registry.store.putImage('team/app', image, 'latest');
  const upstream = { url: registry.url, caFile: authority.caFile };
  const berth = await startBerth({
    authority,
    registries: [testRegistry({ delivery: 'inline', dataEndpoint: null, upstream })],
  });
  t.teardown(() => berth.close());

  const ping = await berth.client.send('https://contoso.registry.example/v2/');
  t.equal(ping.status, 200);
  const [layer] = image.manifests[0]?.layers ?? [];
  const blob = await berth.client.send(`https://contoso.registry.example/v2/team/app/blobs/${layer?.digest}`);
  t.same(blob.body, layer?.bytes);
  t.equal(registry.count('ping'), 1);
  t.match(
    berth.log.filter((line) => 'status' in line),
    [{ status: 200 }, { status: 200 }],
    'one line per request',
  );
  t.equal(await berth.metric('berth_http_requests_total'), 2);
  t.ok(berth.owns('contoso.registry.example'));
});
