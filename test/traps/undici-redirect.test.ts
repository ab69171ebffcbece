// Trap T12 of docs/adr/0010-traps-rerun.md.
import http from 'node:http';

import tap from 'tap';
import { Agent, interceptors } from 'undici';

import { listen } from './servers.ts';

const HEADERS = { authorization: 'Bearer secret', cookie: 'session=secret', 'x-registry-auth': 'secret' };

await tap.test('a redirect is not followed unless the interceptor is there', async (t) => {
  const server = http.createServer((_request, answer) =>
    answer.writeHead(307, { location: '/elsewhere' }).end(),
  );
  const agent = new Agent();
  t.teardown(() => agent.close());

  const answer = await agent.request({ origin: await listen(t, server), path: '/', method: 'GET' });
  await answer.body.dump();

  t.equal(answer.statusCode, 307);
});

await tap.test(
  "the interceptor goes to any host, plain http and loopback included, and keeps fields of one's own",
  async (t) => {
    let seen: http.IncomingHttpHeaders | undefined;
    const storage = http.createServer((request, answer) => {
      seen = request.headers;
      answer.end('ok');
    });
    const location = `${await listen(t, storage)}/blob?sig=x`;
    const registry = http.createServer((_request, answer) => answer.writeHead(307, { location }).end());
    const origin = await listen(t, registry);
    const agent = new Agent();
    t.teardown(() => agent.close());
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 3 }));

    const answer = await dispatcher.request({ origin, path: '/', method: 'GET', headers: HEADERS });

    t.equal(await answer.body.text(), 'ok');
    t.equal(seen?.authorization, undefined, 'Authorization stays behind');
    t.equal(seen?.cookie, undefined, 'Cookie stays behind');
    t.equal(seen?.['x-registry-auth'], 'secret', 'any other field is carried to the other origin');
  },
);

await tap.test(
  'the interceptor resolves the location by the URL parser, so its bytes may change',
  async (t) => {
    let seen: string | undefined;
    const registry = http.createServer((request, answer) => {
      if (request.url === '/') {
        answer.writeHead(307, { location: '/a/../b//c%2B{d}?sig=a%2Bb' }).end();
        return;
      }
      seen = request.url;
      answer.end();
    });
    const origin = await listen(t, registry);
    const agent = new Agent();
    t.teardown(() => agent.close());

    const answer = await agent
      .compose(interceptors.redirect({ maxRedirections: 1 }))
      .request({ origin, path: '/', method: 'GET' });
    await answer.body.dump();

    t.equal(seen, '/b//c%2B%7Bd%7D?sig=a%2Bb');
  },
);
