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
