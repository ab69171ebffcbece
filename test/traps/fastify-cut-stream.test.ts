// Trap T5 of docs/adr/0010-traps-rerun.md.
import http from 'node:http';
import { Readable } from 'node:stream';

import fastify from 'fastify';
import tap from 'tap';
import { request } from 'undici';

import { listen, listenFastify } from './servers.ts';

await tap.test('an upstream cut reaches the client as an error, never as a short success', async (t) => {
  const upstream = http.createServer((_request, answer) => {
    answer.writeHead(200, { 'content-length': 1000 });
    answer.write(Buffer.alloc(400), () => answer.destroy());
  });
  const upstreamOrigin = await listen(t, upstream);
  const app = fastify();
  app.get('/with-length', async (_request, reply) => {
    const { headers, body } = await request(upstreamOrigin);
    return reply.header('content-length', headers['content-length']).send(body);
  });
  app.get('/chunked', async (_request, reply) => reply.send((await request(upstreamOrigin)).body));
  const origin = await listenFastify(t, app);

  for (const path of ['/with-length', '/chunked']) {
    const answer = await request(`${origin}${path}`);
    t.equal(answer.statusCode, 200, path);
    await t.rejects(answer.body.arrayBuffer(), { code: 'UND_ERR_SOCKET' }, path);
  }
});

await tap.test(
  'a content that ends early without an error leaves the client waiting on an open connection',
  async (t) => {
    const app = fastify();
    const handled = Promise.withResolvers<boolean>();
    app.get('/', (_request, reply) => {
      // Had Fastify cut the connection, 'close' would come with it; 'finish' says that it took the answer for whole.
      reply.raw.once('finish', () => handled.resolve(true));
      return reply
        .header('content-length', 1000)
        .send(Readable.from([Buffer.alloc(400)], { objectMode: false }));
    });
    const origin = await listenFastify(t, app);

    const answer = await request(origin, { bodyTimeout: 300 });
    await t.rejects(
      answer.body.arrayBuffer(),
      { code: 'UND_ERR_BODY_TIMEOUT' },
      'only its own deadline ends it',
    );
    t.equal(await handled.promise, true);
  },
);
