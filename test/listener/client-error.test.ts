import t from 'tap';
import { exchange, openRaw, parseResponse, startListener } from './fixture.ts';

const HOST = 'Host: contoso.registry.example';

t.test('a slow header section is answered 408 and closed, even one that keeps trickling', async (t) => {
  const { port, metrics } = await startListener(t, { timeouts: { requestHeadersSeconds: 0.2 } });
  const connection = await openRaw(t, port);
  connection.send('GET /v2/ HTTP/1.1\r\n');
  const trickle = setInterval(() => connection.send('X: y\r\n'), 20);
  const text = await connection.closed();
  clearInterval(trickle);
  const { status, headers, body } = parseResponse(text);
  t.equal(status, 408);
  t.equal(headers.get('connection'), 'close');
  t.match(JSON.parse(body), { errors: [{ code: 'BLOB_UPLOAD_INVALID' }] });
  t.equal(await metrics.httpRefusedRequests.value({ reason: 'header_timeout' }), 1);
});

t.test('a connection that never says anything is closed in the same time', async (t) => {
  const { port } = await startListener(t, { timeouts: { requestHeadersSeconds: 0.2 } });
  const connection = await openRaw(t, port);
  t.equal(parseResponse(await connection.closed()).status, 408);
});

t.test(
  'a header section of 10 MB: 431 or a closed connection, bounded memory, next client served',
  async (t) => {
    const { port, metrics, capture } = await startListener(t);
    const before = process.memoryUsage.rss();
    const connection = await openRaw(t, port);
    connection.send('GET /v2/ HTTP/1.1\r\n');
    const line = `X-Filler: ${'x'.repeat(990)}\r\n`;
    for (let sent = 0; sent < 10_000_000 && connection.socket.writable; sent += line.length)
      connection.send(line);
    const text = await connection.closed();
    t.ok(text === '' || text.startsWith('HTTP/1.1 431 '), text.slice(0, 40));
    t.equal(await metrics.httpRefusedRequests.value({ reason: 'header_too_large' }), 1);
    t.ok(
      process.memoryUsage.rss() - before < 64 * 1024 * 1024,
      'client and server in one process grew by less',
    );
    t.notMatch(capture.text(), /xxxx/);
    t.equal(parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`)).status, 200);
  },
);

t.test('a request line beyond the limit is 431, too', async (t) => {
  const { port } = await startListener(t);
  const text = await exchange(t, port, `GET /v2/${'x'.repeat(20_000)} HTTP/1.1\r\n${HOST}`);
  const { status, body } = parseResponse(text);
  t.equal(status, 431);
  t.match(JSON.parse(body), { errors: [{ detail: { requestId: /^[0-9a-f-]{36}$/ } }] });
  t.notMatch(text, /xxxx/);
});

t.test('what is no HTTP gets a 400 document and a closed connection', async (t) => {
  const { port, metrics, capture } = await startListener(t);
  const wrong = [
    'NONSENSE\r\n\r\n',
    'GET /v2/ with space HTTP/1.1\r\nHost: a\r\n\r\n',
    `GET /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `GET /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n`,
    `GET /v2/ HTTP/1.1\r\n${HOST}\r\nBad Name: x\r\n\r\n`,
    '\x16\x03\x01\x02\x00\x01\x00',
  ];
  for (const bytes of wrong) {
    const connection = await openRaw(t, port);
    connection.send(bytes);
    const { status, body } = parseResponse(await connection.closed());
    t.equal(status, 400, JSON.stringify(bytes));
    t.match(JSON.parse(body), { errors: [{ code: 'UNSUPPORTED' }] });
  }
  t.equal(await metrics.httpRefusedRequests.value({ reason: 'malformed_request' }), wrong.length);
  t.match((await capture.messages('request refused', wrong.length))[0], { failure: 'malformed_request' });
});

t.test('a malformed chunk in a body under way closes the connection without a second answer', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const { port, capture } = await startListener(t, {
    handle: async (request, _reply, context) => {
      arrived.resolve();
      for await (const _chunk of request.raw) context.access.route = 'upload';
    },
  });
  const connection = await openRaw(t, port);
  connection.send(`PATCH /v2/ HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`);
  await arrived.promise;
  connection.send('not hex\r\n');
  t.equal(await connection.closed(), '');
  t.match(await capture.messages('request'), [{ route: 'upload', failure: 'malformed_request' }]);
});

t.test('a request that is refused, with a body that is malformed, too, is one audit event', async (t) => {
  const { port, metrics } = await startListener(t);
  const connection = await openRaw(t, port);
  connection.send(`POST /v2/ HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`);
  t.equal(parseResponse(await connection.closed()).status, 501);
  t.equal(await metrics.auditEvents.value({ reason: 'request' }), 1);
});

t.test('an upload body that stands still ends by the idle timeout', async (t) => {
  const { port, capture } = await startListener(t, {
    timeouts: { idleSeconds: 0.2 },
    handle: async (request) => {
      await request.raw.toArray();
    },
  });
  const connection = await openRaw(t, port);
  connection.send(`PUT /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 100\r\n\r\nabc`);
  t.equal(await connection.closed(), '');
  t.match(await capture.messages('request'), [{ outcome: 'client_closed' }]);
});

t.test('a reader that stands still ends by the idle timeout and counts', async (t) => {
  const { port, metrics, capture } = await startListener(t, {
    timeouts: { idleSeconds: 0.2 },
    handle: async (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': '100000000' });
      reply.raw.write(Buffer.alloc(100_000_000 - 1));
    },
  });
  const connection = await openRaw(t, port);
  connection.socket.pause();
  connection.send(`GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`);
  t.match(await capture.messages('request'), [{ status: 200, outcome: 'client_closed' }]);
  t.equal(await metrics.httpIncompleteResponses.value({ server: 'unknown', reason: 'idle_timeout' }), 1);
});

t.test('a client that waits for a slow answer is not idle', async (t) => {
  const { port } = await startListener(t, {
    timeouts: { idleSeconds: 0.05 },
    handle: async (request, reply) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      // The fact waited for: the idle timeout has fired and left the connection alone.
      request.raw.socket.once('timeout', resolve);
      await promise;
      await reply.send('late');
    },
  });
  t.equal(parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`)).body, 'late');
});
