import t from 'tap';
import { exchange, openRaw, parseResponse, startListener } from './fixture.ts';

const HOST = 'Host: contoso.registry.example';

t.test('a hijacked reply is logged and counted once', async (t) => {
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply, context) => {
      context.access.door = 'data_endpoint';
      context.access.route = 'blob';
      reply.hijack();
      reply.raw.writeHead(206, { 'content-length': '4' });
      reply.raw.end('blob');
    },
  });
  const text = await exchange(t, port, `GET /v2/a/blobs/x HTTP/1.1\r\n${HOST}`);
  t.ok(parseResponse(text).headers.has('x-request-id'));
  const series = { server: 'data_endpoint', route: 'blob', method: 'GET', code: '206' } as const;
  t.match(await capture.messages('request'), [{ status: 206, bytes: text.length }]);
  t.equal(await metrics.httpRequests.value(series), 1);
  t.equal(await metrics.httpRequestDuration.count(series), 1);
  t.equal(await metrics.httpTimeToFirstByte.count({ server: 'data_endpoint' }), 1);
  await exchange(t, port, `GET /v2/a/blobs/x HTTP/1.1\r\n${HOST}`);
  t.equal((await capture.messages('request', 2)).length, 2);
});

for (const end of ['FIN', 'RST'] as const) {
  t.test(`a client that leaves by ${end} is a 499 and aborts the signal`, async (t) => {
    const arrived = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const { port, metrics, capture } = await startListener(t, {
      handle: async (_request, _reply, context) => {
        context.signal.addEventListener('abort', () => aborted.resolve());
        arrived.resolve();
        await aborted.promise;
        throw context.signal.reason;
      },
    });
    const connection = await openRaw(t, port);
    connection.send(`GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await arrived.promise;
    t.equal(await metrics.httpRequestsInFlight.value({ server: 'unknown' }), 1);
    t.equal(await metrics.connectionsOpen.value({}), 1);
    if (end === 'FIN') connection.socket.destroy();
    else connection.socket.resetAndDestroy();
    await aborted.promise;
    t.match(await capture.messages('request'), [{ status: 499, outcome: 'client_closed' }]);
    t.notOk(
      capture.lines.some((line) => line.level === 'error'),
      'no error for that',
    );
    t.equal(await metrics.httpRequestsInFlight.value({ server: 'unknown' }), 0);
  });
}

t.test('a client that leaves in the middle of a body is a 499 and counted as incomplete', async (t) => {
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': '1000' });
      reply.raw.write('first');
    },
  });
  const connection = await openRaw(t, port);
  connection.send(`GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`);
  await connection.received('first');
  connection.socket.destroy();
  t.match(await capture.messages('request'), [{ status: 499, outcome: 'client_closed' }]);
  t.equal(await metrics.httpIncompleteResponses.value({ server: 'unknown', reason: 'client_closed' }), 1);
});

t.test('a response that a handler cuts is not blamed on the client', async (t) => {
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply, context) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': '1000' });
      reply.raw.write('first');
      context.access.outcome = 'digest_mismatch';
      reply.raw.destroy();
    },
  });
  await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`);
  t.match(await capture.messages('request'), [{ status: 200, outcome: 'digest_mismatch' }]);
  t.equal(await metrics.httpIncompleteResponses.value({ server: 'unknown', reason: 'cut' }), 1);
});

t.test('pipelined requests whose turn never came are logged, too', async (t) => {
  const both = Promise.withResolvers<void>();
  let arrived = 0;
  const { port, capture } = await startListener(t, {
    handle: async (_request, reply) => {
      reply.hijack();
      arrived += 1;
      if (arrived === 2) both.resolve();
    },
  });
  const connection = await openRaw(t, port);
  connection.send(`GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(2));
  await both.promise;
  connection.socket.destroy();
  t.match(await capture.messages('request', 2), [{ status: 499 }, { status: 499 }]);
});
