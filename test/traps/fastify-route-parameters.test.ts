// Traps T6 and T7 of docs/adr/0010-traps-rerun.md.
import fastify from 'fastify';
import tap from 'tap';
import { rawGet } from './raw-get.ts';
import { listenFastify } from './servers.ts';

const SHA512_DIGEST = `sha512:${'a'.repeat(128)}`;

await tap.test(
  'a named parameter is refused with 414 over 100 characters, which a sha512 digest has',
  async (t) => {
    const app = fastify();
    app.get('/v2/:name/blobs/:digest', () => 'named');
    app.get('/wild/*', () => 'wildcard');
    const origin = await listenFastify(t, app);

    const named = await rawGet(origin, `/v2/a/blobs/${SHA512_DIGEST}`);
    const short = await rawGet(origin, `/v2/a/blobs/sha256:${'a'.repeat(64)}`);
    const wildcard = await rawGet(origin, `/wild/a/blobs/${SHA512_DIGEST}`);

    t.equal(named.status, 414);
    t.match(named.content, 'aaaaaaaa', 'the answer repeats the path');
    t.equal(short.status, 200);
    t.same([wildcard.status, wildcard.content], [200, 'wildcard']);
  },
);

await tap.test('routerOptions.maxParamLength moves the limit', async (t) => {
  const app = fastify({ routerOptions: { maxParamLength: 200 } });
  app.get('/v2/:name/blobs/:digest', () => 'named');
  const origin = await listenFastify(t, app);

  t.equal((await rawGet(origin, `/v2/a/blobs/${SHA512_DIGEST}`)).status, 200);
});

await tap.test('the wildcard parameter is percent-decoded; request.url is as it came', async (t) => {
  const app = fastify();
  app.get<{ Params: { '*': string } }>('/v2/*', ({ params, url }) => ({ wildcard: params['*'], url }));
  const origin = await listenFastify(t, app);

  const rows: readonly (readonly [string, string])[] = [
    ['/v2/a%2Fb/tags/list', 'a/b/tags/list'],
    ['/v2/%2e%2e/%2e%2e/etc', '../../etc'],
    ['/v2/../etc', '../etc'],
    ['/v2/a//b', 'a//b'],
    ['/v2/a%5Cb', 'a\\b'],
  ];
  for (const [url, wildcard] of rows) {
    const answer = await rawGet(origin, url);
    t.same(JSON.parse(answer.content), { wildcard, url }, url);
  }
});
