import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { createTestAuthority } from '../support/ca.ts';
import { listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { type ListenerOptions, openRaw, startListener } from './fixture.ts';

/** A record of application data that nobody has the key of: what a byte that was changed on the way leaves of one. */
const BROKEN_RECORD = Buffer.concat([Buffer.from([0x17, 3, 3, 0, 0x40]), Buffer.alloc(0x40)]);
const REQUEST = 'GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\n\r\n';

/** A listener with TLS, a client that has had one answer, and the line between them. */
async function openLine(t: Test, handle?: ListenerOptions['handle']) {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const leaf = await authority.issue(['contoso.registry.example']);
  const tls = { certificates: [{ cert: leaf.certFile, key: leaf.keyFile }], clientCaFile: null };
  const { port, metrics, capture } = await startListener(t, { config: { tls }, ...(handle && { handle }) });
  const { promise: joined, resolve } = Promise.withResolvers<{ toClient: Socket; toListener: Socket }>();
  const relay = createServer((toClient) => {
    const toListener = connect(port, '127.0.0.1');
    // Each end is left to the other side: who ends by itself is what is looked at.
    toClient.pipe(toListener, { end: false });
    toListener.pipe(toClient, { end: false });
    for (const socket of [toClient, toListener]) socket.on('error', () => socket.destroy());
    t.teardown(() => void [toClient, toListener].map((socket) => socket.destroy()));
    resolve({ toClient, toListener });
  });
  const relayPort = await listen(relay);
  t.teardown(() => void relay.close());
  const client = await openRaw(t, relayPort, { ca: authority.cert, servername: 'contoso.registry.example' });
  client.send(REQUEST);
  await client.received('ok');
  return { ...(await joined), metrics, capture, client };
}

for (const towards of ['toListener', 'toClient'] as const) {
  t.test(`a TLS record that was changed on the way ${towards} ends the connection at once`, async (t) => {
    const line = await openLine(t);
    t.equal(await line.metrics.connectionsOpen.value({}), 1);
    const ended = once(line.toListener, 'close');
    line.toListener.on('end', () => line.toListener.destroy());
    line[towards].write(BROKEN_RECORD);
    await ended;
    await until(async () => (await line.metrics.connectionsOpen.value({})) === 0, 'it is closed');
    t.equal(
      await line.metrics.httpRefusedRequests.value({ reason: 'malformed_request' }),
      0,
      'no request was',
    );
    const isOnTheWay = towards === 'toListener';
    t.equal(await line.metrics.tlsFailures.value({ reason: 'broken_record' }), isOnTheWay ? 1 : 0);
    t.equal(
      await line.metrics.tlsFailures.value({ reason: 'alert' }),
      isOnTheWay ? 0 : 1,
      'the client says so',
    );
    t.equal(await line.metrics.auditEvents.value({ reason: 'tls' }), isOnTheWay ? 1 : 0);
    t.equal(await line.metrics.auditEvents.value({ reason: 'request' }), 0);
    t.notMatch(line.capture.text(), /request refused/);
  });
}

t.test('amid a transfer it is one event of that request', async (t) => {
  const line = await openLine(t, async (_request, reply, context) => {
    context.access.digest = 'sha256:aa';
    reply.hijack();
    reply.raw.writeHead(200, { 'content-length': '1000' });
    reply.raw.write('ok');
  });
  const ended = once(line.toListener, 'close');
  line.toListener.on('end', () => line.toListener.destroy());
  line.toListener.write(BROKEN_RECORD);
  await ended;
  t.match(await line.capture.messages('request'), [
    { digest: 'sha256:aa', failure: 'tls_broken_record', outcome: 'failed' },
  ]);
  t.match(
    line.capture.lines.filter(({ audit }) => audit !== undefined),
    [{ audit: 'tls', detail: 'broken_record', digest: 'sha256:aa', requestId: /./ }],
  );
  t.equal(await line.metrics.auditEvents.value({ reason: 'tls' }), 1);
});
