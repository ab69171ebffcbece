import t from 'tap';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { MANIFEST_TYPE } from '../support/image.ts';
import { HERE, manifestOf } from './regions-scene.ts';
import { REPOSITORY } from './scene.ts';
import { openWorkers } from './workers-scene.ts';

const TAG = `/v2/${REPOSITORY}/manifests/moved`;

t.test('X4 Y7 after a push through one worker every worker asks home first', async (t) => {
  const west = await startFixtureRegistry({});
  t.teardown(() => west.close());
  const scene = await openWorkers(t, {
    registry: () => ({
      authorizationTtlSeconds: 0,
      regions: [
        { name: 'eastus', match: ['eus.localhost'] },
        { name: 'westus', match: ['wus.localhost'], upstream: { url: west.url }, clients: [HERE] },
      ],
    }),
  });
  const old = manifestOf('old');
  for (const { store } of [scene.registry, west]) store.putManifest(REPOSITORY, 'moved', MANIFEST_TYPE, old);
  const before = await scene.sendToEach(TAG, { headers: { accept: MANIFEST_TYPE } });
  t.equal(before.size, 2);
  for (const { body } of before.values()) t.equal(body.toString(), old.toString());
  t.ok(west.count('manifest') > 0, 'from where the client is');
  const pushed = await scene.send(TAG, {
    method: 'PUT',
    headers: { 'content-type': MANIFEST_TYPE },
    body: manifestOf('new'),
  });
  t.equal(pushed.status, 201);
  const after = await scene.sendToEach(TAG, { headers: { accept: MANIFEST_TYPE } });
  t.equal(after.size, 2);
  for (const [worker, { body }] of after) {
    t.equal(body.toString(), manifestOf('new').toString(), `worker ${worker}`);
  }
});
