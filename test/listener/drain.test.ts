import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { createAudit } from '../../src/audit/audit.ts';
import { createTestAuthority } from '../support/ca.ts';
import { openRaw, parseResponse, startListener } from './fixture.ts';

const HOST = 'Host: contoso.registry.example';
const GET = `GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`;
/** Far longer than a test may take: that the drain ends before it shows that it did not wait for it. */
const LONG_MS = 60_000;

const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const certificate = await authority.issue(['contoso.registry.example']);
const tlsConfig = {
  certificates: [{ cert: certificate.certFile, key: certificate.keyFile }],
  clientCaFile: null,
};
const tlsClient = { ca: authority.cert, servername: 'contoso.registry.example' };

for (const [scheme, tls, client] of [
  ['http', null, undefined],
  ['https', tlsConfig, tlsClient],
] as const) {
  t.test(`${scheme}: idle connections are closed at once, new ones refused`, async (t) => {
    const { listener, port } = await startListener(t, { config: { tls } });
    const used = await openRaw(t, port, client);
    used.send(GET);
    await used.received('ok');
    const fresh = await openRaw(t, port, client);
    const silent = await openRaw(t, port);
    await listener.drain(LONG_MS);
    t.match(await used.closed(), /200 OK/);
    t.equal(await fresh.closed(), '');
    t.equal(await silent.closed(), '');
    const [refused] = await once(connect({ port, host: '127.0.0.1' }), 'error');
    t.match(refused, { code: 'ECONNREFUSED' });
  });

  t.test(`${scheme}: running transfers finish, then their connections close`, async (t) => {
    const responses: ServerResponse[] = [];
    const { listener, port, capture } = await startListener(t, {
      config: { tls },
      handle: async (request, reply) => {
        reply.hijack();
        responses.push(reply.raw);
        if (request.url === '/started') {
          reply.raw.writeHead(200, { 'content-length': '10' });
          reply.raw.write('first');
        }
      },
    });
    const started = await openRaw(t, port, client);
    started.send(`GET /started HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await started.received('first');
    const waiting = await openRaw(t, port, client);
    waiting.send(GET);
    while (responses.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const drained = listener.drain(LONG_MS);
    responses[0]?.end('final');
    t.match(await started.closed(), /firstfinal$/);
    responses[1]?.writeHead(200, { 'content-length': '4' });
    responses[1]?.end('last');
    const last = parseResponse(await waiting.closed());
    t.equal(last.body, 'last');
    t.equal(last.headers.get('connection'), 'close');
    await drained;
    t.match(await capture.messages('request', 2), [{ outcome: 'ok' }, { outcome: 'ok' }]);
  });

  t.test(`${scheme}: what has not finished at the deadline is cut and counted`, async (t) => {
    const aborted: string[] = [];
    const { listener, port, capture, metrics } = await startListener(t, {
      config: { tls },
      handle: async (_request, reply, context) => {
        context.signal.addEventListener('abort', () => aborted.push(context.requestId));
        reply.hijack();
        reply.raw.writeHead(200, { 'content-length': '10' });
        reply.raw.write('first');
      },
    });
    const connection = await openRaw(t, port, client);
    connection.send(GET);
    await connection.received('first');
    await listener.drain(50);
    t.match(await connection.closed(), /first$/);
    t.match(await capture.messages('request'), [{ status: 200, outcome: 'drain_deadline' }]);
    t.equal(await metrics.httpIncompleteResponses.value({ server: 'unknown', reason: 'drain_deadline' }), 1);
    t.equal(aborted.length, 1, 'the upstream side hears of it');
    t.equal(await metrics.connectionsOpen.value({}), 0);
  });
}

t.test('an upload under way finishes', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const { listener, port } = await startListener(t, {
    handle: async (request, reply) => {
      arrived.resolve();
      let bytes = 0;
      for await (const chunk of request.raw) bytes += chunk.length;
      await reply.code(201).send(String(bytes));
    },
  });
  const connection = await openRaw(t, port);
  connection.send(`PUT /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 6\r\n\r\nabc`);
  await arrived.promise;
  const drained = listener.drain(LONG_MS);
  connection.send('def');
  t.match(parseResponse(await connection.closed()), { status: 201, body: '6' });
  await drained;
});

t.test('behind the PROXY protocol: connections without a header are closed, too', async (t) => {
  const { listener, port } = await startListener(t, {
    config: { clientAddress: 'proxyProtocol', trustedProxies: ['127.0.0.1'] },
  });
  const silent = await openRaw(t, port);
  const used = await openRaw(t, port);
  used.send(`PROXY UNKNOWN\r\n${GET}`);
  await used.received('ok');
  await listener.drain(LONG_MS);
  t.equal(await silent.closed(), '');
  t.match(await used.closed(), /200 OK/);
});

t.test('a listener that never listened drains at once', async (t) => {
  const { createListener } = await import('../../src/listener/create-listener.ts');
  const { createLogger } = await import('../../src/log.ts');
  const { createMetrics } = await import('../../src/metrics/metrics.ts');
  const log = createLogger({ level: 'silent' });
  const metrics = createMetrics();
  const listener = await createListener(
    {
      address: '127.0.0.1',
      port: 0,
      network: 'public',
      clientAddress: 'proxyProtocol',
      trustedProxies: [],
      tls: null,
    },
    {
      limits: { connections: 10, headerBytes: 16_384 },
      timeouts: { idleSeconds: 1, requestHeadersSeconds: 1 },
      log,
      metrics,
      audit: createAudit({ file: null, log, metrics }),
      handle: async () => {},
    },
  );
  await t.resolves(listener.drain(LONG_MS));
});
