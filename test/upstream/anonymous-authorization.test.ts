import t from 'tap';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { failureOf, openUpstream, patient, registryConfig, serve } from './servers.ts';
import { challenge, json, note, type Seen } from './token-service.ts';

const repository = parseRepositoryName('library/alpine');
if (repository === undefined) throw new Error('repository');

t.test('an anonymous token per repository is kept; a refusal is remembered for a minute', async (t) => {
  const tokens: Seen[] = [];
  let now = 0;
  let status = 200;
  const server = await serve(t, (request, response) => {
    if (request.url === '/v2/')
      return challenge(response, `Bearer realm="${server.url}/token?a=b",service="s"`);
    note(tokens, request);
    return status === 200
      ? json(response, { token: 'anon', expires_in: 300 })
      : response.writeHead(status).end();
  });
  const upstream = openUpstream(t, registryConfig(server.url), { now: () => now });
  t.equal(await upstream.anonymousAuthorization(repository, patient()), 'Bearer anon');
  t.equal(await upstream.anonymousAuthorization(repository, patient()), 'Bearer anon');
  const question = {
    method: 'GET',
    url: '/token?a=b&service=s&scope=repository%3Alibrary%2Falpine%3Apull',
    authorization: undefined,
  };
  t.same(tokens, [question]);
  status = 401;
  now += 300_000;
  t.equal(await upstream.anonymousAuthorization(repository, patient()), undefined);
  t.equal(await upstream.anonymousAuthorization(repository, patient()), undefined);
  t.equal(tokens.length, 2);
  status = 200;
  now += 61_000;
  t.equal(await upstream.anonymousAuthorization(repository, patient()), 'Bearer anon');
  status = 503;
  now += 300_000;
  t.match(await failureOf(upstream.anonymousAuthorization(repository, patient())), {
    kind: 'destination_unavailable',
    status: 503,
  });
});

t.test('nothing where the upstream asks for none, or for Basic', async (t) => {
  const free = await serve(t, (_, response) => response.end());
  const basic = await serve(t, (_, response) => challenge(response, 'Basic realm="x"'));
  for (const { url } of [free, basic]) {
    t.equal(
      await openUpstream(t, registryConfig(url)).anonymousAuthorization(repository, patient()),
      undefined,
    );
  }
});
