import { once } from 'node:events';
import t from 'tap';
import { createAudit } from '../../src/audit/audit.ts';
import { ociError } from '../../src/oci/error.ts';
import { exchange, openRaw, parseResponse, startListener } from './fixture.ts';

const HOST = 'Host: contoso.registry.example';

t.test('handler receives raw path, host, client address and request id', async (t) => {
  const seen: unknown[] = [];
  const { port, capture } = await startListener(t, {
    handle: async (request, reply, context) => {
      seen.push(request.raw.url, context.host, context.clientAddress, context.requestId);
      context.access.door = 'login_server';
      context.access.route = 'manifest';
      context.access.repository = 'a/b';
      await reply.header('content-type', 'text/plain').send('manifest');
    },
  });
  const text = await exchange(
    t,
    port,
    `GET /v2/a%2Fb/%2e%2e/x?ns=secret-value HTTP/1.1\r\nHost: Contoso.Registry.Example:80\r\nX-Request-Id: pull-7`,
  );
  const { status, headers, body } = parseResponse(text);
  t.equal(status, 200);
  t.equal(body, 'manifest');
  t.equal(headers.get('x-request-id'), 'pull-7');
  t.same(seen, ['/v2/a%2Fb/%2e%2e/x?ns=secret-value', 'contoso.registry.example', '127.0.0.1', 'pull-7']);
  const [line] = await capture.messages('request');
  t.match(line, {
    requestId: 'pull-7',
    client: '127.0.0.1',
    door: 'login_server',
    route: 'manifest',
    repository: 'a/b',
    method: 'GET',
    status: 200,
    outcome: 'ok',
    bytes: text.length,
  });
  t.ok(Number(line?.ttfbMs) <= Number(line?.durationMs));
  t.notMatch(capture.text(), /secret-value/, 'no query in the log');
});

t.test('a request id that is not safe is replaced', async (t) => {
  const { port } = await startListener(t);
  for (const id of ['a b', 'x'.repeat(65), '"quoted"', 'ä']) {
    const { headers } = parseResponse(
      await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}\r\nX-Request-Id: ${id}`),
    );
    t.match(headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  }
});

t.test('broken percent-encoding and long parameters reach the handler like any path', async (t) => {
  const paths: string[] = [];
  const { port } = await startListener(t, {
    handle: async (request) => {
      paths.push(request.raw.url ?? '');
      throw ociError('NAME_INVALID');
    },
  });
  const wanted = [
    '/v2/%zz/manifests/latest',
    '/v2/%',
    `/v2/${'x'.repeat(5000)}/tags/list`,
    '//v2//',
    '/v2/a?%zz',
  ];
  for (const path of wanted) {
    const text = await exchange(t, port, `GET ${path} HTTP/1.1\r\n${HOST}`);
    const { status, body } = parseResponse(text);
    t.equal(status, 400);
    t.match(JSON.parse(body), { errors: [{ code: 'NAME_INVALID' }] });
    t.notMatch(text, /%zz|xxxxx/, 'the answer does not repeat the path');
  }
  t.same(paths, wanted);
});

t.test('absolute form: its authority counts, its path is what the handler sees', async (t) => {
  const seen: unknown[] = [];
  const { port } = await startListener(t, {
    handle: async (request, reply, context) => {
      seen.push(request.raw.url, context.host);
      await reply.send('ok');
    },
  });
  const text = await exchange(
    t,
    port,
    'GET http://Other.example:5000/v2/?n=1 HTTP/1.1\r\nHost: contoso.example',
  );
  t.equal(parseResponse(text).status, 200);
  t.same(seen, ['/v2/?n=1', 'other.example:5000']);
});

t.test('refused before a door: OCI document, one log line, counted by reason', async (t) => {
  let handled = 0;
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply) => {
      handled += 1;
      await reply.send('ok');
    },
  });
  const cases = [
    {
      head: 'GET /v2/ HTTP/1.1\r\nHost: a.example\r\nHost: b.example',
      status: 400,
      reason: 'duplicate_host',
    },
    {
      head: 'GET /v2/ HTTP/1.1\r\nhost: a.example\r\nHOST: a.example',
      status: 400,
      reason: 'duplicate_host',
    },
    { head: 'GET /v2/ HTTP/1.1', status: 400, reason: 'missing_host' },
    { head: 'GET /v2/ HTTP/1.0', status: 400, reason: 'missing_host' },
    { head: 'GET /v2/ HTTP/1.1\r\nHost: user@a.example', status: 400, reason: 'malformed_host' },
    { head: 'GET /v2/ HTTP/1.1\r\nHost:', status: 400, reason: 'malformed_host' },
    { head: `OPTIONS * HTTP/1.1\r\n${HOST}`, status: 405, reason: 'method_not_allowed' },
    { head: `PROPFIND /v2/ HTTP/1.1\r\n${HOST}`, status: 405, reason: 'method_not_allowed' },
    {
      head: `GET /v2/ HTTP/1.1\r\n${HOST}\r\nExpect: the-unexpected`,
      status: 417,
      reason: 'expectation_unknown',
    },
  ] as const;
  for (const { head, status, reason } of cases) {
    const before = await metrics.httpRefusedRequests.value({ reason });
    const answer = parseResponse(await exchange(t, port, head));
    t.equal(answer.status, status, head);
    t.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0');
    const document = JSON.parse(answer.body);
    t.equal(document.errors[0].code, 'UNSUPPORTED');
    t.equal(document.errors[0].detail.requestId, answer.headers.get('x-request-id'));
    t.equal(await metrics.httpRefusedRequests.value({ reason }), before + 1, reason);
  }
  t.equal(handled, 0);
  const lines = await capture.messages('request', cases.length);
  t.same(
    lines.map((line) => [line.status, line.failure, line.door]),
    cases.map(({ status, reason }) => [status, reason, 'unknown']),
  );
});

t.test('405 names the methods that are allowed', async (t) => {
  const { port } = await startListener(t);
  const { headers } = parseResponse(await exchange(t, port, `TRACE /v2/ HTTP/1.1\r\n${HOST}`));
  t.equal(headers.get('allow'), 'GET, HEAD, POST, PUT, PATCH, DELETE');
});

t.test('a thrown OciError is the answer, its cause is for the log', async (t) => {
  const { port, capture } = await startListener(t, {
    handle: async (_request, reply) => {
      reply.header('x-left-over', 'of another answer');
      throw ociError('TOOMANYREQUESTS', {
        headers: { 'retry-after': '7' },
        cause: new Error('GET https://store.example/b?sig=hunter2 said 429'),
      });
    },
  });
  const get = parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`));
  const head = parseResponse(await exchange(t, port, `HEAD /v2/ HTTP/1.1\r\n${HOST}`));
  for (const { status, headers } of [get, head]) {
    t.equal(status, 429);
    t.equal(headers.get('retry-after'), '7');
    t.equal(headers.get('content-type'), 'application/json');
    t.notOk(headers.has('x-left-over'));
  }
  t.equal(head.body, '');
  t.equal(head.headers.get('content-length'), get.headers.get('content-length'));
  t.match(await capture.messages('request failed'), [{ level: 'warn' }]);
  t.match(await capture.messages('request', 2), [
    { status: 429, failure: 'TOOMANYREQUESTS', outcome: 'refused' },
  ]);
  t.notMatch(capture.text(), /hunter2/);
});

t.test('any other error is a 500 without its message; the process lives', async (t) => {
  const { port, capture } = await startListener(t, {
    handle: async () => {
      throw new TypeError('inner secret');
    },
  });
  const { status, body } = parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`));
  t.equal(status, 500);
  t.notMatch(body, /inner secret|TypeError|\.ts/);
  const [line] = await capture.messages('request failed for a reason of our own');
  t.match(line, { level: 'error', error: { name: 'TypeError', message: 'inner secret' } });
});

t.test('a handler that answers nothing is a 500, not a wait without end', async (t) => {
  const { port } = await startListener(t, { handle: async () => {} });
  t.equal(parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`)).status, 500);
});

t.test('an error after the header section closes the connection and counts', async (t) => {
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply, context) => {
      context.access.door = 'data_endpoint';
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': '100' });
      reply.raw.write('only this');
      throw new Error('upstream went away');
    },
  });
  const { status, body } = parseResponse(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`));
  t.equal(status, 200);
  t.ok(body.length < 100, 'short of its Content-Length');
  t.notMatch(body, /errors/, 'no document in the middle of the content');
  const [line] = await capture.messages('request');
  t.match(line, { status: 200, outcome: 'failed', failure: 'internal_error' });
  t.equal(
    await metrics.httpIncompleteResponses.value({ server: 'data_endpoint', reason: 'internal_error' }),
    1,
  );
});

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

t.test('bodies reach the handler as a stream, whatever their type and length', async (t) => {
  const { port } = await startListener(t, {
    handle: async (request, reply) => {
      let bytes = 0;
      for await (const chunk of request.raw) bytes += chunk.length;
      await reply.send(String(bytes));
    },
  });
  const size = 3 * 1024 * 1024; // Fastify's own limit is 1 MiB
  for (const type of ['application/octet-stream', 'application/json', 'text/plain', undefined]) {
    for (const method of ['PUT', 'PATCH', 'POST', 'DELETE']) {
      const field = type === undefined ? '' : `\r\nContent-Type: ${type}`;
      const head = `${method} /v2/a/blobs/uploads/x HTTP/1.1\r\n${HOST}\r\nContent-Length: ${size}${field}`;
      t.equal(parseResponse(await exchange(t, port, head, 'x'.repeat(size))).body, String(size), method);
    }
  }
});

t.test('a Content-Type that is none gets an OCI document that does not repeat it', async (t) => {
  const { port } = await startListener(t);
  const head = `PUT /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 1\r\nContent-Type: nonsense`;
  const { status, body } = parseResponse(await exchange(t, port, head, 'x'));
  t.equal(status, 400);
  t.match(JSON.parse(body), { errors: [{ code: 'UNSUPPORTED' }] });
  t.notMatch(body, /nonsense/);
});

t.test("HEAD is the handler's own, not a GET whose stream is drained", async (t) => {
  const methods: string[] = [];
  const { port } = await startListener(t, {
    handle: async (request, reply) => {
      methods.push(request.method);
      await reply.header('content-length', '77').send();
    },
  });
  const { headers } = parseResponse(await exchange(t, port, `HEAD /v2/ HTTP/1.1\r\n${HOST}`));
  t.equal(headers.get('content-length'), '77');
  t.same(methods, ['HEAD']);
});

t.test('connections beyond the limit are closed and counted', async (t) => {
  const { port, metrics } = await startListener(t, { limits: { connections: 1 } });
  const first = await openRaw(t, port);
  first.send(`GET /v2/ HTTP/1.1\r\n${HOST}\r\n\r\n`);
  await first.received('ok');
  const second = await openRaw(t, port);
  t.equal(await second.closed(), '');
  t.equal(await metrics.connectionsRefused.value({ reason: 'connection_limit' }), 1);
});

t.test('a taken port is a clear error', async (t) => {
  const { port } = await startListener(t);
  const { createListener } = await import('../../src/listener/create-listener.ts');
  const { createMetrics } = await import('../../src/metrics/metrics.ts');
  const { createLogger } = await import('../../src/log.ts');
  const log = createLogger({ level: 'silent' });
  const metrics = createMetrics();
  const second = await createListener(
    { address: '127.0.0.1', port, network: 'public', clientAddress: 'socket', trustedProxies: [], tls: null },
    {
      limits: { connections: 10, headerBytes: 16_384 },
      timeouts: { idleSeconds: 1, requestHeadersSeconds: 1 },
      log,
      metrics,
      audit: createAudit({ file: null, log, metrics }),
      handle: async () => {},
    },
  );
  await t.rejects(second.listen(), { code: 'EADDRINUSE', message: new RegExp(`127\\.0\\.0\\.1:${port}`) });
});

t.test('forwarded addresses count from trusted proxies only', async (t) => {
  for (const [trustedProxies, wanted] of [
    [['127.0.0.0/8'], '192.0.2.7'],
    [['10.0.0.0/8'], '127.0.0.1'],
  ] as const) {
    const { port, capture } = await startListener(t, {
      config: { clientAddress: 'xForwardedFor', trustedProxies },
    });
    await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}\r\nX-Forwarded-For: 198.51.100.1, 192.0.2.7`);
    t.match(await capture.messages('request'), [{ client: wanted }]);
  }
});

t.test('keep-alive serves several requests on one connection', async (t) => {
  const { port, capture } = await startListener(t);
  const connection = await openRaw(t, port);
  connection.send(`GET /v2/1 HTTP/1.1\r\n${HOST}\r\n\r\n`);
  await connection.received('ok');
  connection.send(`GET /v2/2 HTTP/1.1\r\n${HOST}\r\n\r\n`);
  const lines = await capture.messages('request', 2);
  t.equal(lines[0]?.bytes, lines[1]?.bytes, 'bytes are those of one response, not of the connection');
  connection.socket.end();
  await once(connection.socket, 'close');
});
