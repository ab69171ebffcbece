// Traps T15, T16 and T17 of docs/adr/0010-traps-rerun.md.
import dns from 'node:dns';
import http from 'node:http';
import http2 from 'node:http2';

import { generate } from 'selfsigned';
import tap from 'tap';
import { Agent, Pool } from 'undici';

import { listen } from './servers.ts';

await tap.test('over TLS undici 8 speaks HTTP/2 where it is offered, unless allowH2 is false', async (t) => {
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' });
  const server = http2.createSecureServer(
    { key: pem.private, cert: pem.cert, allowHTTP1: true },
    (request, answer) => {
      answer.end(request.httpVersion);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const origin = `https://127.0.0.1:${address.port}`;

  for (const [options, version] of [
    [{}, '2.0'],
    [{ allowH2: false }, '1.1'],
  ] as const) {
    const agent = new Agent({ ...options, connect: { rejectUnauthorized: false } });
    const answer = await agent.request({ origin, path: '/', method: 'GET' });
    t.equal(await answer.body.text(), version, JSON.stringify(options));
    await agent.destroy();
  }
});

await tap.test('a certificate for another name is refused by default', async (t) => {
  const pem = await generate([{ name: 'commonName', value: 'other.example' }], { algorithm: 'sha256' });
  const server = http2.createSecureServer(
    { key: pem.private, cert: pem.cert, allowHTTP1: true },
    (_request, answer) => {
      answer.end();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const agent = new Agent({ allowH2: false });
  t.teardown(() => agent.destroy());

  await t.rejects(agent.request({ origin: `https://127.0.0.1:${address.port}`, path: '/', method: 'GET' }), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
});

await tap.test('an IP literal, in whatever form, never reaches the lookup hook', async (t) => {
  const server = http.createServer((_request, answer) => answer.end('reached'));
  const { port } = new URL(await listen(t, server));
  const lookedUp: string[] = [];
  const agent = new Agent({
    connect: {
      lookup: (hostname, options, callback) => {
        lookedUp.push(hostname);
        dns.lookup(hostname, options, callback);
      },
    },
  });
  t.teardown(() => agent.close());

  for (const host of ['127.0.0.1', '127.1', '2130706433', '0x7f.1', '0.0.0.0', '[::ffff:127.0.0.1]']) {
    const answer = await agent.request({
      origin: new URL(`http://${host}:${port}`),
      path: '/',
      method: 'GET',
    });
    t.equal(await answer.body.text(), 'reached', host);
  }
  t.same(lookedUp, []);
});

await tap.test('HEAD closes its connection unless reset is false', async (t) => {
  let connections = 0;
  const server = http.createServer((_request, answer) => answer.end());
  server.on('connection', () => {
    connections += 1;
  });
  const origin = await listen(t, server);

  for (const [options, expected] of [
    [{}, 3],
    [{ reset: false }, 1],
  ] as const) {
    connections = 0;
    const pool = new Pool(origin, { connections: 1 });
    for (let round = 0; round < 3; round += 1) {
      const answer = await pool.request({ path: '/', method: 'HEAD', ...options });
      await answer.body.dump();
    }
    t.equal(connections, expected, JSON.stringify(options));
    await pool.close();
  }
});
