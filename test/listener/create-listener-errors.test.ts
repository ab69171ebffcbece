import t from 'tap';
import { ociError } from '../../src/oci/error.ts';
import { exchange, openRaw, parseResponse, startListener } from './fixture.ts';

const HOST = 'Host: contoso.registry.example';

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

t.test('nothing follows a request whose end is a matter of opinion', async (t) => {
  let handled = 0;
  const { port, metrics } = await startListener(t, {
    handle: async (_request, reply) => {
      handled += 1;
      await reply.send('ok');
    },
  });
  const cases = [
    { start: 'POST /v2/ HTTP/1.0', coding: 'chunked', status: 400, reason: 'malformed_request' },
    { start: 'POST /v2/ HTTP/1.1', coding: 'gzip, chunked', status: 501, reason: 'transfer_coding_unknown' },
  ] as const;
  for (const { start, coding, status, reason } of cases) {
    const connection = await openRaw(t, port);
    const fields = `${HOST}\r\nConnection: keep-alive\r\nTransfer-Encoding: ${coding}`;
    connection.send(`${start}\r\n${fields}\r\n\r\n0\r\n\r\nDELETE /v2/hidden HTTP/1.1\r\n${HOST}\r\n\r\n`);
    const answer = parseResponse(await connection.closed());
    t.equal(answer.status, status);
    t.equal(answer.headers.get('connection'), 'close');
    t.equal(JSON.parse(answer.body).errors[0].code, 'UNSUPPORTED');
    t.equal(await metrics.httpRefusedRequests.value({ reason }), 1);
  }
  t.equal(handled, 0, 'what follows is not carried out');
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

t.test('a Content-Type that is none gets an OCI document that does not repeat it', async (t) => {
  const { port } = await startListener(t);
  const head = `PUT /v2/ HTTP/1.1\r\n${HOST}\r\nContent-Length: 1\r\nContent-Type: nonsense`;
  const { status, body } = parseResponse(await exchange(t, port, head, 'x'));
  t.equal(status, 400);
  t.match(JSON.parse(body), { errors: [{ code: 'UNSUPPORTED' }] });
  t.notMatch(body, /nonsense/);
});

t.test('an error that can not be sent ends its own connection, and nothing else', async (t) => {
  const { port, capture } = await startListener(t, {
    handle: () => {
      throw ociError('DENIED', { headers: { 'retry-after': '7\r\nx-injected: 1' } });
    },
  });
  const heard: unknown[] = [];
  const hear = (reason: unknown) => void heard.push(reason);
  process.on('unhandledRejection', hear);
  t.teardown(() => process.off('unhandledRejection', hear));
  t.notMatch(await exchange(t, port, `GET /v2/ HTTP/1.1\r\n${HOST}`), /x-injected/);
  const [line] = await capture.messages('request', 1);
  t.match(line, { outcome: 'failed' });
  t.same(heard, [], 'it would end the process');
});
