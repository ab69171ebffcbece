// Traps T8 and T9 of docs/adr/0010-traps-rerun.md.
import { Writable } from 'node:stream';

import fastify, { LogController } from 'fastify';
import tap from 'tap';

import { rawGet } from './raw-get.ts';
import { listenFastify } from './servers.ts';

const SECRET = 'c2lnbmF0dXJl';

function createLogCapture(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

await tap.test('the default request log holds the query', async (t) => {
  const log = createLogCapture();
  const app = fastify({ logger: { stream: log.stream } });
  app.get('/blob', () => 'ok');
  const origin = await listenFastify(t, app);

  await rawGet(origin, `/blob?sig=${SECRET}`);

  t.match(log.text(), SECRET);
});

await tap.test("a req serializer of one's own still leaks it by the not-found line", async (t) => {
  const log = createLogCapture();
  const app = fastify({ logger: { stream: log.stream, serializers: { req: () => ({ url: 'redacted' }) } } });
  app.get('/blob', () => 'ok');
  const origin = await listenFastify(t, app);

  await rawGet(origin, `/blob?sig=${SECRET}`);
  t.notMatch(log.text(), SECRET, 'the serializer does for a route that exists');
  const missing = await rawGet(origin, `/other?sig=${SECRET}`);

  t.equal(missing.status, 404);
  t.match(log.text(), `Route GET:/other?sig=${SECRET} not found`);
});

await tap.test(
  'a LogController without request logging and a not-found handler keep the query out',
  async (t) => {
    const log = createLogCapture();
    const app = fastify({
      logger: { stream: log.stream },
      logController: new LogController({ disableRequestLogging: true }),
    });
    app.get('/blob', () => 'ok');
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('none'));
    const origin = await listenFastify(t, app);

    await rawGet(origin, `/blob?sig=${SECRET}`);
    await rawGet(origin, `/other?sig=${SECRET}`);

    t.notMatch(log.text(), SECRET);
  },
);

await tap.test(
  "an unknown path and a wrong method are both 404 in Fastify's own JSON, with the URL in it",
  async (t) => {
    const app = fastify();
    app.get('/blob', () => 'ok');
    const origin = await listenFastify(t, app);

    const unknown = await rawGet(origin, `/other?sig=${SECRET}`);
    const wrongMethod = await rawGet(origin, `/blob?sig=${SECRET}`, { method: 'PUT' });

    for (const answer of [unknown, wrongMethod]) {
      t.equal(answer.status, 404);
      t.match(JSON.parse(answer.content), { statusCode: 404, error: 'Not Found' });
      t.match(answer.content, SECRET);
    }
  },
);

await tap.test(
  'a bad percent-encoding is 400 FST_ERR_BAD_URL with the URL in it, past the not-found handler',
  async (t) => {
    const app = fastify();
    app.get('/v2/*', () => 'ok');
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('none'));
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('handled'));
    const origin = await listenFastify(t, app);

    const answer = await rawGet(origin, `/v2/%zz?sig=${SECRET}`);

    t.equal(answer.status, 400);
    t.match(JSON.parse(answer.content), { code: 'FST_ERR_BAD_URL' });
    t.match(answer.content, SECRET);
  },
);

await tap.test('frameworkErrors takes that answer over', async (t) => {
  const app = fastify({
    frameworkErrors: (_error, _request, reply) => {
      reply.raw.writeHead(400).end('ours');
    },
  });
  app.get('/v2/*', () => 'ok');
  const origin = await listenFastify(t, app);

  t.same(await rawGet(origin, `/v2/%zz?sig=${SECRET}`), { status: 400, content: 'ours' });
});
