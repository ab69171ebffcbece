import t from 'tap';
import { openRaw, startListener } from './fixture.ts';

const REQUEST = 'GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\n\r\n';

t.test('attack: requests without end in one pipeline', async (t) => {
  let handled = 0;
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply, { signal }) => {
      handled += 1;
      reply.hijack();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const connection = await openRaw(t, port);
  connection.send(REQUEST.repeat(500));
  t.equal(await connection.closed(), '', 'none of them was answered: the first one would have been first');
  t.equal(handled, 32);
  const reason = 'too_many_pipelined';
  t.equal(await metrics.httpRefusedRequests.value({ reason }), 1, 'counted once for the connection');
  t.match(await capture.messages('refused'), [{ audit: 'request', detail: reason }]);
  const lines = await capture.messages('request', 33);
  t.equal(lines.length, 33, 'what came after it is no request');
  t.ok(lines.every(({ failure }) => failure === reason));
});

t.test('as many as a client may have in its pipeline are all answered, and then others', async (t) => {
  const { port } = await startListener(t, {
    handle: async (request, reply) => {
      await reply.send(`answer to ${request.url}.`);
    },
  });
  const connection = await openRaw(t, port);
  for (const path of ['/v2/one', '/v2/two']) {
    connection.send(REQUEST.repeat(31), REQUEST.replace('/v2/', path));
    await connection.received(`answer to ${path}.`);
  }
  connection.send(REQUEST.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  t.equal((await connection.closed()).split('HTTP/1.1 200 OK').length - 1, 65);
});

t.test('attack: a CONNECT behind a request under way is not answered in its place', async (t) => {
  const begun = Promise.withResolvers<void>();
  const { port, metrics, capture } = await startListener(t, {
    handle: async (_request, reply, { signal }) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': 100 });
      reply.raw.write('half of it');
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const connection = await openRaw(t, port);
  connection.send(REQUEST);
  await begun.promise;
  await connection.received('half of it');
  connection.send('CONNECT attacker.example:443 HTTP/1.1\r\nHost: attacker.example:443\r\n\r\n');
  const all = await connection.closed();
  t.equal(all.split('HTTP/1.1 ').length - 1, 1, 'one answer, which is cut');
  t.ok(all.endsWith('half of it'), all);
  t.equal(await metrics.httpRefusedRequests.value({ reason: 'method_not_allowed' }), 1);
  t.match(await capture.messages('request'), [{ status: 200, failure: 'method_not_allowed' }]);
});
