import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import t from 'tap';
import type { FailureKind } from '../../src/upstream/failure.ts';
import { classifyFailure } from '../../src/upstream/failure.ts';
import { createLookup } from '../support/lookup.ts';
import {
  closedPort,
  failureOf,
  openUpstream,
  patient,
  registryConfig,
  serve,
  serveRaw,
  TIMEOUTS,
} from './servers.ts';

const PATH = '/v2/a//b%2Fc/blobs/sha256%3Aaa?x=%2B&y=a+b&z={|}&u=%e4//..%2f';
const QUICK = { ...TIMEOUTS, headersSeconds: 0.2, commitSeconds: 30, idleSeconds: 0.2 };

t.test('path and query reach the upstream byte for byte', async (t) => {
  const seen: (string | undefined)[] = [];
  const { url } = await serve(t, (request, response) => {
    seen.push(request.url);
    response.end('x');
  });
  const upstream = openUpstream(t, registryConfig(url));
  const response = await upstream.request({ method: 'GET', path: PATH, signal: patient() });
  t.equal(response.status, 200);
  t.equal(await response.body.toArray().then((chunks) => Buffer.concat(chunks).toString()), 'x');
  t.same(seen, [PATH]);
  t.equal(await upstream.metrics.upstreamRequests.value({ upstream: 'registry', code: '200' }), 1);
  t.equal(await upstream.metrics.upstreamBytes.value({ upstream: 'registry' }), 1);
});

t.test('fields: hop-by-hop, host and cookies stay behind, the rest goes as it is', async (t) => {
  let seen: NodeJS.Dict<string | string[]> = {};
  const { url, host } = await serve(t, (request, response) => {
    seen = request.headers;
    response.end();
  });
  const upstream = openUpstream(t, registryConfig(url));
  const { body } = await upstream.request({
    method: 'GET',
    path: '/v2/',
    authorization: 'Bearer the-callers',
    headers: {
      host: 'registry.test',
      connection: 'keep-alive, x-hop',
      'x-hop': '1',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      'content-length': '5',
      expect: '100-continue',
      cookie: 'a=b',
      authorization: 'Basic forged',
      accept: ['a/b', 'c/d'],
      'accept-encoding': 'identity',
      'user-agent': 'docker/1',
    },
    signal: patient(),
  });
  await body.dump();
  t.same(seen, {
    host,
    connection: 'keep-alive',
    accept: 'a/b, c/d',
    'accept-encoding': 'identity',
    'user-agent': 'docker/1',
    authorization: 'Bearer the-callers',
  });
});

t.test('a body is streamed, a redirect is an answer, and a HEAD leaves its connection open', async (t) => {
  const sockets = new Set<unknown>();
  let received = '';
  const { url } = await serve(t, (request, response) => {
    sockets.add(request.socket);
    request.on('data', (chunk) => {
      received += String(chunk);
    });
    request.on('end', () =>
      response.writeHead(307, { location: '/v2/elsewhere', 'content-length': 0 }).end(),
    );
  });
  const upstream = openUpstream(t, registryConfig(url), {
    limits: { upstreamConnections: 1, tokenBytes: 1000 },
  });
  for (const _ of [1, 2]) {
    const head = await upstream.request({ method: 'HEAD', path: '/v2/', signal: patient() });
    await head.body.dump();
  }
  const response = await upstream.request({
    method: 'PATCH',
    path: '/v2/a/blobs/uploads/1',
    body: Readable.from([Buffer.from('ab'), Buffer.from('cd')]),
    signal: patient(),
  });
  await response.body.dump();
  t.equal(received, 'abcd');
  t.match(response, { status: 307, headers: { location: '/v2/elsewhere' } });
  t.equal(sockets.size, 2, 'one for questions and one for uploads');
});

t.test('refused, silent, cut, garbage, huge headers', async (t) => {
  const rows: { name: string; kind: FailureKind; url: () => Promise<string> }[] = [
    {
      name: 'refused',
      kind: 'connection_refused',
      url: async () => `http://127.0.0.1:${await closedPort()}`,
    },
    {
      name: 'silent',
      kind: 'http_response_timeout',
      url: async () => (await serveRaw(t, () => undefined)).url,
    },
    {
      name: 'cut',
      kind: 'connection_terminated',
      url: async () => (await serveRaw(t, (socket) => socket.once('data', () => socket.destroy()))).url,
    },
    {
      name: 'garbage',
      kind: 'http_protocol_error',
      url: async () => (await serveRaw(t, (socket) => socket.end('SSH-2.0-x\r\n\r\n'))).url,
    },
    {
      name: 'huge headers',
      kind: 'http_response_header_section_size',
      url: async () =>
        (await serveRaw(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(200_000)}\r\n\r\n`)))
          .url,
    },
    {
      name: 'unknown name',
      kind: 'dns_error',
      url: async () => 'http://nowhere.invalid',
    },
  ];
  for (const { name, kind, url } of rows) {
    const lookup = createLookup(() => undefined);
    const upstream = openUpstream(t, registryConfig(await url()), { timeouts: QUICK, lookup });
    for (const method of ['GET', 'HEAD']) {
      t.match(
        await failureOf(upstream.request({ method, path: '/v2/?secret=1', signal: patient() })),
        { name: 'UpstreamFailure', kind, where: 'registry', message: /^(?!.*secret)/s },
        `${name} ${method}`,
      );
    }
    t.ok(
      (await upstream.metrics.upstreamFailures.value({ upstream: 'registry', reason: kind })) >= 2,
      `${name} is counted`,
    );
  }
});

t.test(
  'a connection closed by the upstream before an answer: repeated once, for GET and HEAD without a body',
  async (t) => {
    const seen: string[] = [];
    const { url } = await serve(t, (request, response) => {
      seen.push(request.method ?? '');
      if (seen.length % 2 === 1) request.socket.destroy();
      else response.end();
    });
    const upstream = openUpstream(t, registryConfig(url));
    for (const method of ['GET', 'HEAD']) {
      const { status, body } = await upstream.request({ method, path: '/v2/', signal: patient() });
      await body.dump();
      t.equal(status, 200, method);
    }
    t.same(seen, ['GET', 'GET', 'HEAD', 'HEAD']);
    t.match(
      await failureOf(
        upstream.request({
          method: 'POST',
          path: '/v2/a/blobs/uploads/',
          body: Buffer.from('x'),
          signal: patient(),
        }),
      ),
      { kind: 'connection_terminated' },
    );
    t.equal(seen.length, 5);
  },
);

t.test('a body that stalls or ends early fails where it is read', async (t) => {
  const stalled = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('abc');
  });
  const cut = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('abc', () => response.destroy());
  });
  for (const [origin, kind] of [
    [stalled, 'connection_read_timeout'],
    [cut, 'connection_terminated'],
  ] as const) {
    const upstream = openUpstream(t, registryConfig(origin.url), { timeouts: QUICK });
    const { body } = await upstream.request({ method: 'GET', path: '/v2/', signal: patient() });
    const error: unknown = await body.toArray().catch((reason: unknown) => reason);
    t.equal(classifyFailure(error, 'registry').kind, kind);
  }
});

t.test("the client's signal ends the request at once", async (t) => {
  const arrived = Promise.withResolvers<ServerResponse>();
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/v2/body') response.writeHead(200, { 'content-length': '10' }).write('abc');
    if (request.url !== '/v2/') arrived.resolve(response);
  });
  const upstream = openUpstream(t, registryConfig(url));

  const leaver = new AbortController();
  const waiting = upstream.request({ method: 'GET', path: '/v2/headers', signal: leaver.signal });
  const response = await arrived.promise;
  const closed = once(response, 'close');
  leaver.abort();
  t.match(await failureOf(waiting), { kind: 'connection_terminated' });
  await closed;
  t.equal(
    await upstream.metrics.upstreamFailures.value({ upstream: 'registry', reason: 'connection_terminated' }),
    0,
    "not the upstream's fault",
  );

  const reader = new AbortController();
  const answer = await upstream.request({ method: 'GET', path: '/v2/body', signal: reader.signal });
  reader.abort();
  t.match(await failureOf(answer.body.toArray()), { kind: 'connection_terminated' });

  t.match(await failureOf(upstream.request({ method: 'GET', path: '/v2/', signal: AbortSignal.abort() })), {
    kind: 'connection_terminated',
  });
});

t.test('waiting for a free connection ends with the signal and has a deadline', async (t) => {
  let requests = 0;
  const { url } = await serve(t, () => {
    requests += 1;
  });
  const upstream = openUpstream(t, registryConfig(url), {
    limits: { upstreamConnections: 1, tokenBytes: 1000 },
    timeouts: { ...TIMEOUTS, connectSeconds: 0.1, headersSeconds: 0.2, commitSeconds: 30 },
  });
  const hog = new AbortController();
  const first = upstream.request({ method: 'PUT', path: '/v2/1', body: never(), signal: hog.signal });
  const impatient = new AbortController();
  const second = upstream.request({
    method: 'PUT',
    path: '/v2/2',
    body: never(),
    signal: impatient.signal,
  });
  impatient.abort();
  t.match(await failureOf(second), { kind: 'connection_terminated' });
  t.match(
    await failureOf(upstream.request({ method: 'PUT', path: '/v2/3', body: never(), signal: patient() })),
    {
      kind: 'connection_limit_reached',
    },
  );
  hog.abort();
  t.match(await failureOf(first), { kind: 'connection_terminated' });
  t.equal(requests, 1, 'what was given up is never sent');
});

/** A request body that starts and does not go on. */
function never(): Readable {
  let started = false;
  return new Readable({
    read() {
      if (started) return;
      started = true;
      this.push('x');
    },
  });
}
