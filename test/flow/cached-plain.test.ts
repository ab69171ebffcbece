import t from 'tap';
import { NO_BLOB_CACHE, startBerth, testRegistry } from '../support/berth.ts';
import { startBrokenUpstream } from '../support/broken-upstream.ts';
import { createTestAuthority } from '../support/ca.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { testDirectory } from '../support/test-directory.ts';
import { allowedBytes } from './allowed-bytes.ts';

// Plain http: reads of up to a megabyte land in the pool's slabs, which a fill writes as they are.
t.test('K1 ten clients and one fill over plain http, where reads are large', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const blob = pseudoRandomBytes('plain', 48 * 1024 * 1024);
  const digest = digestOf(blob);
  const storage = await startBrokenUpstream({ bytes: blob, name: '127.0.0.1' });
  t.teardown(() => storage.close());
  const registry = await startFixtureRegistry({ blobs: { kind: 'redirect', locate: () => storage.url } });
  t.teardown(() => registry.close());
  registry.store.putBlob('team/app', digest, blob);
  for (const round of [1, 2, 3]) {
    const berth = await startBerth({
      authority,
      tls: false,
      config: {
        cache: {
          ...NO_BLOB_CACHE,
          memoryMaxBytes: 0,
          directory: `${testDirectory(t)}/${round}`,
          pieceBytes: 4 * 1024 * 1024,
        },
      },
      registries: [
        testRegistry({
          scheme: 'http',
          loginServer: 'localhost',
          dataEndpoint: null,
          delivery: 'inline',
          redirectHosts: [{ host: storage.host, pathPattern: null }],
          upstream: { url: registry.url },
        }),
      ],
    });
    t.teardown(() => berth.close());
    const url = `http://localhost/v2/team/app/blobs/${digest}`;
    const got = await Promise.all(Array.from({ length: 10 }, () => berth.client.send(url)));
    for (const { ended, body } of got) {
      t.equal(ended, 'complete');
      t.ok(body.equals(blob));
    }
    const fetched = await berth.metric('berth_upstream_bytes_total', { upstream: 'storage' });
    t.ok(fetched <= (await allowedBytes(berth, blob.length)), `${fetched} bytes of ${blob.length}`);
  }
});
