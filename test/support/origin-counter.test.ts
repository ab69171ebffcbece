import tap from 'tap';
import { startBrokenUpstream } from './broken-upstream.ts';
import { createTestAuthority } from './ca.ts';
import { createTestClient } from './http-client.ts';
import { pseudoRandomBytes } from './image.ts';
import { startOriginCounter } from './origin-counter.ts';

await tap.test('counts what the origin sent and changes nothing', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const bytes = pseudoRandomBytes('origin', 50_000);
  const origin = await startBrokenUpstream({ authority, bytes, name: '*.blob.core.windows.net' });
  t.teardown(() => origin.close());
  const counter = await startOriginCounter(authority, origin);
  t.teardown(() => counter.close());
  const client = createTestClient({ ca: authority.cert });
  t.teardown(() => client.close());

  const url = `https://${counter.host('weureplstore76')}/container//blob?sig=a%2Bb`;
  const part = await client.send(url, { headers: { range: 'bytes=5-14' } });
  t.equal(part.status, 206);
  t.same(part.body, bytes.subarray(5, 15));
  t.match(counter.requests, [
    {
      method: 'GET',
      target: '/container//blob?sig=a%2Bb',
      status: 206,
      bytes: 10,
      host: /^weureplstore76\./,
    },
  ]);
  t.equal(origin.requests[0]?.target, '/container//blob?sig=a%2Bb');
  t.equal(origin.requests[0]?.headers.host, counter.host('weureplstore76'));
});
