import tap from 'tap';
import { refusedPort, startBrokenUpstream } from './broken-upstream.ts';
import { createTestAuthority } from './ca.ts';
import { createTestClient } from './http-client.ts';
import { pseudoRandomBytes } from './image.ts';
import type { Fault } from './misbehave.ts';

const bytes = pseudoRandomBytes('broken', 200_000);

await tap.test('each fault is what it says, over TLS and without', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  for (const tls of [true, false]) {
    const upstream = await startBrokenUpstream({ bytes, ...(tls ? { authority } : {}) });
    t.teardown(() => upstream.close());
    const client = createTestClient(tls ? { ca: authority.cert } : {});
    t.teardown(() => client.close());
    const range = { range: 'bytes=100-199' };
    const send = (fault: Fault | null, headers: Record<string, string> = {}) => {
      upstream.fault = fault;
      return client.send(upstream.url, { headers });
    };

    t.equal((await send(null, range)).headers['content-range'], 'bytes 100-199/200000');
    const fin = await send({ kind: 'cutAfter', bytes: 1000, how: 'fin' });
    t.match([fin.ended, fin.body.length], ['short', 1000]);
    const reset = await send({ kind: 'cutAfter', bytes: 1000, how: 'reset' });
    t.equal(reset.ended, 'reset', tls ? 'RST over TLS' : 'RST');
    t.equal((await send({ kind: 'slow', chunkBytes: 150_000, intervalMs: 1 })).body.length, bytes.length);
    t.equal((await send({ kind: 'ignoresRange' }, range)).status, 200);
    for (const how of ['shifted', 'otherTotal', 'noContentRange', 'tooShort', 'badContentRange'] as const) {
      const lie = await send({ kind: 'liesAboutRange', how }, range);
      t.equal(lie.status, 206);
      t.not(lie.headers['content-range'], 'bytes 100-199/200000', how);
    }
    const wrong = await send({ kind: 'wrongBytes' });
    t.ok(wrong.body.length === bytes.length && !wrong.body.equals(bytes));
    t.equal(
      (await send({ kind: 'status', status: 429, headers: { 'retry-after': '7' } })).headers['retry-after'],
      '7',
    );
    t.match((await send({ kind: 'redirectLoop' })).headers.location, /^\/container\/\/blob/);
    await t.rejects(send({ kind: 'hugeHeaders', bytes: 100_000 }), { code: 'HPE_HEADER_OVERFLOW' });
    await t.rejects(send({ kind: 'notHttp' }), { code: /^HPE_/ });
    const early = await client.send(upstream.url, { hangUpAfterBytes: 1 }).catch(() => undefined);
    t.equal(early, undefined);
  }
});

await tap.test('a refused port refuses', async (t) => {
  const client = createTestClient({});
  await t.rejects(client.send(`http://127.0.0.1:${await refusedPort()}/`), { code: 'ECONNREFUSED' });
});
