import { request } from 'node:https';
import tap from 'tap';
import { acrBlob, startAzurite } from './azurite.ts';
import { createTestAuthority } from './ca.ts';
import { digestOf, pseudoRandomBytes } from './image.ts';
import { loopbackLookup } from './lookup.ts';

await tap.test('azurite serves SAS links of the ACR kind', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const azurite = await startAzurite(authority);
  t.teardown(() => azurite.close());

  const send = (
    url: string,
    options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
  ) =>
    new Promise<{ status: number | undefined; body: Buffer }>((resolve, reject) => {
      const outgoing = request(
        url,
        {
          method: options.method ?? 'GET',
          headers: options.headers ?? {},
          ca: authority.cert,
          lookup: loopbackLookup,
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
          response.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(options.body);
    });

  const content = pseudoRandomBytes('azurite', 100_000);
  const where = acrBlob('weureplstore76', digestOf(content));
  await azurite.put(where, content);
  const url = azurite.signedUrl(where);

  t.match(
    url,
    /^https:\/\/weureplstore76\.blob\.core\.windows\.net:\d+\/[0-9a-f-]{60}\/\/docker\/registry\/v2\/blobs\/sha256\/..\/[0-9a-f]{64}\/data\?se=[^&]+&sig=[^&]+&sp=r&spr=https&sr=b&sv=[^&]+&regid=[0-9a-f]{32}$/,
  );
  const whole = await send(url);
  t.equal(whole.status, 200);
  t.ok(whole.body.equals(content));
  t.equal((await send(url, { headers: { range: 'bytes=10-19' } })).body.length, 10);
  t.equal((await send(url.replace(/sig=.{4}/, 'sig=AAAA'))).status, 403, 'an altered signature is refused');
  t.equal(
    (await send(azurite.signedUrl(where, { expiresInSeconds: -60 }))).status,
    403,
    'an expired link is refused',
  );

  await azurite.createContainer('wusmanaged15', 'exfiltrated');
  const target = { account: 'wusmanaged15', container: 'exfiltrated', blob: 'secret.txt' };
  const put = { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' }, body: Buffer.from('secret') };
  t.equal((await send(azurite.signedUrl(target), put)).status, 403, 'a link that reads does not write');
  t.equal((await send(azurite.signedUrl(target, { permissions: 'cw' }), put)).status, 201);
  t.equal((await azurite.get(target)).toString(), 'secret');
});
