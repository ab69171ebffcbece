import t from 'tap';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { startBerth } from '../support/berth.ts';
import { until } from '../support/until.ts';
import { openReplicas, untilStateIs } from './replicas-scene.ts';
import { REPOSITORY, type Scene } from './scene.ts';

/** Requests for manifests and blobs that reached the registry since the last call. */
function asked({ registry }: Scene): number {
  const count = registry.count('manifest') + registry.count('blob');
  registry.requests.length = 0;
  return count;
}

function two(replicas: readonly Scene[]): [Scene, Scene] {
  const [one, other] = replicas;
  if (one === undefined || other === undefined) throw new Error('there are two replicas');
  return [one, other];
}

const alone = { publicProbe: false, authorizationTtlSeconds: 60 };

t.test('M1 a ticket of any replica opens at any that has the keys, and nowhere else', async (t) => {
  const { replicas } = await openReplicas(t, 3);
  for (const from of replicas) {
    const url = await from.ticketUrl();
    for (const at of replicas) {
      const answer = await at.send(url);
      t.equal(answer.status, 200);
      t.ok(answer.body.equals(from.blob));
    }
  }
  const [first] = replicas;
  if (first === undefined) throw new Error('there is one');
  const stranger = await startBerth({
    authority: first.authority,
    registries: first.berth.config.registries,
    ticketKeys: generateTicketKeys(),
  });
  t.teardown(() => stranger.close());
  t.equal((await stranger.client.send(await first.ticketUrl())).status, 403);
});

t.test('M2 what the upstream has allowed to a caller is known to every replica', async (t) => {
  const { replicas } = await openReplicas(t, 2, { registry: alone });
  const [one, other] = two(replicas);
  const manifest = `/v2/${REPOSITORY}/manifests/${one.manifestDigest}`;
  const headers = { authorization: 'Bearer a' };
  asked(one);
  t.equal((await one.send(one.blobPath, { headers })).status, 307);
  t.equal(asked(one), 1);
  await until(
    async () =>
      (await one.berth.metric('berth_state_operations_total', { operation: 'keep', result: 'ok' })) >= 1,
    'it was told',
  );
  const answer = await other.send(one.blobPath, { headers });
  t.equal(answer.status, 307);
  t.equal(asked(one), 0, 'nobody asked again');
  t.equal((await one.send(answer.headers.location ?? '')).status, 200, 'with where the blob is');
  t.equal(await other.berth.metric('berth_authorization_decisions_total', { result: 'shared' }), 1);

  t.equal((await other.send(one.blobPath, { headers: { authorization: 'Bearer b' } })).status, 307);
  t.equal(asked(one), 1, 'another caller is another question');
  t.equal((await one.send(manifest, { headers })).status, 200);
  t.equal(asked(one), 1, 'and so is another content');
});

t.test('M2 a refusal is no answer for others, and other rules are no answer either', async (t) => {
  const { replicas } = await openReplicas(t, 2, { registry: alone });
  const [one, other] = two(replicas);
  one.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'blob') return false;
    response.writeHead(403, { 'content-length': 0 });
    response.end();
    return true;
  };
  asked(one);
  t.equal((await one.send(one.blobPath)).status, 403);
  t.equal((await other.send(one.blobPath)).status, 403);
  t.equal(asked(one), 2);
});

t.test('M2 the state sees no credentials, no location, no repository', async (t) => {
  const { redis, replicas } = await openReplicas(t, 1, { registry: alone });
  const [one] = replicas;
  if (one === undefined) throw new Error('there is one');
  const headers = { authorization: 'Bearer secret-of-ana' };
  await one.send(one.blobPath, { headers });
  await one.send(`/v2/${REPOSITORY}/manifests/${one.manifestDigest}`, { headers });
  await until(
    async () =>
      (await one.berth.metric('berth_state_operations_total', { operation: 'keep', result: 'ok' })) >= 2,
    'it was told',
  );
  const keys = (await redis.command('KEYS', '*')) as string[];
  t.ok(keys.length >= 3);
  for (const key of keys) {
    const value = key.includes('turns') ? '' : String(await redis.command('GET', key));
    t.notMatch(`${key} ${value}`, /secret-of-ana|blob\.core|team\/app|sig=/, key);
  }
});

t.test('M2 nobody who can only write to the state makes a decision', async (t) => {
  const { redis, replicas } = await openReplicas(t, 2, { registry: alone });
  const [one, other] = two(replicas);
  const ana = { headers: { authorization: 'Bearer ana' } };
  const bob = { headers: { authorization: 'Bearer bob' } };
  one.registry.intercept = ({ request, response }, endpoint) => {
    if (endpoint !== 'blob' || request.headers.authorization !== 'Bearer bob') return false;
    response.writeHead(403, { 'content-length': 0 });
    response.end();
    return true;
  };
  const names: string[] = [];
  const seen = async (): Promise<string[]> =>
    ((await redis.command('KEYS', 'berth:kept:*')) as string[]).filter((key) => !names.includes(key));
  t.equal((await one.send(one.blobPath, ana)).status, 307);
  await until(async () => (await seen()).length === 1, 'it was told');
  const [ofAna = ''] = await seen();
  const value = String(await redis.command('GET', ofAna));
  // The name that bob's decision would have is not known to anybody without the keys; say it was.
  for (const name of ['x'.repeat(43), ofAna.slice(-43)]) {
    await redis.command('SET', `${ofAna.slice(0, -43)}${name}`, value);
  }
  t.equal((await other.send(one.blobPath, bob)).status, 403);
  await redis.command('SET', ofAna, `${value.slice(0, -4)}AAAA`);
  asked(one);
  t.equal((await other.send(one.blobPath, ana)).status, 307);
  t.equal(asked(one), 1, 'what was altered is none');
});

t.test('M3 a write through one replica is known to all before it is answered', async (t) => {
  const { replicas } = await openReplicas(t, 2, { registry: alone });
  const [one, other] = two(replicas);
  const manifest = `/v2/${REPOSITORY}/manifests/${one.manifestDigest}`;
  for (const each of replicas) t.equal((await each.send(manifest)).status, 200);
  asked(one);
  t.equal((await other.send(manifest)).status, 200);
  t.equal(asked(one), 0, 'it is kept');
  t.equal((await one.send(manifest, { method: 'DELETE' })).status, 202);
  asked(one);
  t.equal((await other.send(manifest)).status, 404);
  t.equal(asked(one), 1);
});

t.test('M4 a budget holds for all replicas together', async (t) => {
  const limits = { concurrency: 100, requestsPerMinute: 4, queueLength: 1000, queueSeconds: 1 };
  const { replicas } = await openReplicas(t, 2, {
    registry: { ...alone, authorizationTtlSeconds: 0 },
    upstream: { limits },
  });
  const [one, other] = two(replicas);
  const tag = `/v2/${REPOSITORY}/manifests/latest`;
  const statuses: number[] = [];
  for (const each of [one, other, one, other, one, other])
    statuses.push((await each.send(tag, { method: 'HEAD' })).status);
  t.strictSame(statuses, [200, 200, 200, 200, 429, 429]);
  t.ok(Number((await one.send(tag, { method: 'HEAD' })).headers['retry-after']) > 1);
});

t.test('M4 a 429 that one replica has heard holds for all', async (t) => {
  const { replicas } = await openReplicas(t, 2, { registry: { ...alone, authorizationTtlSeconds: 0 } });
  const [one, other] = two(replicas);
  const manifest = `/v2/${REPOSITORY}/manifests/latest`;
  one.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'manifest') return false;
    response.writeHead(429, { 'retry-after': '50', 'content-length': 0 });
    response.end();
    return true;
  };
  asked(one);
  t.equal((await one.send(manifest)).status, 429);
  t.equal(asked(one), 1);
  await until(
    async () =>
      (await one.berth.metric('berth_state_operations_total', { operation: 'pause', result: 'ok' })) === 1,
    'it was told',
  );
  const answer = await other.send(manifest);
  t.equal(answer.status, 429);
  t.ok(Number(answer.headers['retry-after']) > 10);
  t.equal(asked(one), 0);
});

t.test('M5 while the state is away each replica works by itself, and nobody is let in by it', async (t) => {
  const { redis, replicas } = await openReplicas(t, 2, { registry: alone });
  const [one, other] = two(replicas);
  t.equal((await one.send(one.blobPath)).status, 307);
  redis.hang();
  asked(one);
  t.equal((await other.send(one.blobPath)).status, 307);
  t.equal(asked(one), 1, 'what is not known is asked of the upstream');
  t.equal((await other.send(one.blobPath)).status, 307);
  t.equal(asked(one), 0, 'and kept as by an instance that is alone');
  await redis.kill();
  await untilStateIs(one.berth, 0);
  const manifest = `/v2/${REPOSITORY}/manifests/${one.manifestDigest}`;
  t.equal((await one.send(manifest)).status, 200);
  t.equal((await one.send(manifest, { method: 'DELETE' })).status, 202, 'writes go on');
  t.equal((await one.send(manifest)).status, 404);
  await redis.restart();
  for (const each of replicas) await untilStateIs(each.berth, 1);
  asked(one);
  t.equal((await other.send(one.blobPath)).status, 307);
  t.equal(asked(one), 1, 'what may have been written meanwhile is asked for again');
  const lines = one.berth.log.filter(({ msg }) => String(msg).includes('shared state can not be reached'));
  t.equal(lines.length, 1, 'said once');
});
