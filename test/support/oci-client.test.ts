import tap from 'tap';
import { createTestAuthority } from './ca.ts';
import { startFixtureRegistry } from './fixture-registry.ts';
import { buildImage } from './image.ts';
import { createOciClient } from './oci-client.ts';

await tap.test('pulls with a token and trusts no byte unseen', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const auth = { kind: 'bearer', publicRepositories: ['team/app'], tokenHost: 'auth.docker.io' } as const;
  const registry = await startFixtureRegistry({ authority, auth });
  t.teardown(() => registry.close());
  const image = buildImage({ seed: 'oci-client', layerSizes: [3000, 500] });
  registry.store.putImage('team/app', image, 'latest');
  const client = createOciClient({
    ca: authority.cert,
    route: (_hostname, port) => ({ address: '127.0.0.1', port }),
  });
  t.teardown(() => client.close());
  const wanted = {
    registry: registry.url,
    repository: 'team/app',
    reference: 'latest',
    architecture: 'arm64',
  };

  const pulled = await client.pull(wanted);
  const [, arm] = image.manifests;
  t.equal(pulled.manifest, arm?.digest);
  t.same(pulled.blobs, [arm?.config.digest, ...(arm?.layers.map((layer) => layer.digest) ?? [])]);
  t.same(
    new Set(client.exchanges.map(({ hostname }) => hostname)),
    new Set(['contoso.azurecr.io', 'auth.docker.io']),
  );

  const [layer] = arm?.layers ?? [];
  if (layer) registry.store.putBlob('team/app', layer.digest, Buffer.from('something else'));
  await t.rejects(client.pull(wanted), { code: 'pull_failed' });
  await t.rejects(client.pull({ ...wanted, repository: 'team/other' }), { message: /status 401/ });
});
