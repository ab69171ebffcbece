// Traps T4 and T13 of docs/adr/0010-traps-rerun.md.
import { once } from 'node:events';
import http from 'node:http';

import fastify from 'fastify';
import tap from 'tap';
import { request } from 'undici';

import { listen, listenFastify } from './servers.ts';

await tap.test('an upstream request made with request.signal ends when the client leaves', async (t) => {
  const asked = Promise.withResolvers<http.ServerResponse>();
  const upstream = http.createServer((_request, answer) => asked.resolve(answer));
  const upstreamOrigin = await listen(t, upstream);
  const app = fastify();
  app.get('/blob', async (incoming) => request(upstreamOrigin, { signal: incoming.signal }));
  const origin = await listenFastify(t, app);

  const client = http.get(`${origin}/blob`);
  const clientClosed = once(client, 'error');
  const upstreamAnswer = await asked.promise;
  const upstreamClosed = once(upstreamAnswer, 'close');
  client.destroy();
  await clientClosed;
  await upstreamClosed;

  t.equal(upstreamAnswer.writableFinished, false, 'the upstream never answered, and was let go');
});

await tap.test(
  'request.signal is aborted as soon as the request content was read, with the client still there',
  async (t) => {
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, content, done) => done(null, content));
    app.post('/upload', async (incoming, reply) => {
      const { signal } = incoming;
      const closed = signal.aborted ? Promise.resolve() : once(signal, 'abort');
      incoming.raw.resume();
      await closed;
      return {
        aborted: signal.aborted,
        clientConnected: !reply.raw.closed && incoming.raw.socket.readyState === 'open',
      };
    });
    const origin = await listenFastify(t, app);

    const answer = await request(`${origin}/upload`, {
      method: 'POST',
      body: 'content',
      headers: { 'content-type': 'application/octet-stream' },
    });

    t.same(await answer.body.json(), { aborted: true, clientConnected: true });
  },
);

await tap.test("the answer's close event, with its writableFinished, tells who left", async (t) => {
  const app = fastify();
  const waiting = Promise.withResolvers<void>();
  const whole = Promise.withResolvers<boolean>();
  const left = Promise.withResolvers<boolean>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, content, done) => done(null, content));
  app.post('/whole', async (incoming, reply) => {
    reply.raw.once('close', () => whole.resolve(reply.raw.writableFinished));
    for await (const chunk of incoming.raw) t.ok(chunk);
    t.notOk(reply.raw.closed, 'reading the request content does not close the answer');
    return 'whole';
  });
  app.get('/left', (_request, reply) => {
    reply.hijack();
    reply.raw.once('close', () => left.resolve(reply.raw.writableFinished));
    waiting.resolve();
  });
  const origin = await listenFastify(t, app);

  const answer = await request(`${origin}/whole`, {
    method: 'POST',
    body: 'content',
    headers: { 'content-type': 'application/octet-stream' },
  });
  await answer.body.dump();
  const client = http.get(`${origin}/left`);
  client.on('error', () => {});
  await waiting.promise;
  client.destroy();

  t.equal(await whole.promise, true);
  t.equal(await left.promise, false);
});
