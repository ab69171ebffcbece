import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { hash } from 'bcryptjs';
import t, { type Test } from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import {
  generateTicketKeys,
  parseTicketKeys,
  rotateTicketKeys,
  type TicketKeys,
} from '../../src/ticket/ticket-keys.ts';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { basic, jwtOf } from './callers.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

type Part = 'configuration' | 'ticket_keys' | 'certificates' | 'authorities' | 'passwords';

/** What a file, or a mistake in it, would lead to. */
async function reload(
  berth: TestBerth,
  said: { readonly config?: Config | Error; readonly ticketKeys?: TicketKeys | Error },
): Promise<void> {
  const { config = berth.config, ticketKeys = berth.ticketKeys } = said;
  await berth.app.reload({
    config: () => (config instanceof Error ? Promise.reject(config) : Promise.resolve(config)),
    ticketKeys: () =>
      ticketKeys instanceof Error ? Promise.reject(ticketKeys) : Promise.resolve(ticketKeys),
  });
}

function withRegistry(config: Config, change: Partial<RegistryConfig>): Config {
  return { ...config, registries: config.registries.map((registry) => ({ ...registry, ...change })) };
}

function results(berth: TestBerth, part: Part, result: string): Promise<number> {
  return berth.metric('berth_config_reloads_total', { part, result });
}

function successful(berth: TestBerth, part: Part): Promise<number> {
  return berth.metric('berth_config_last_reload_successful', { part });
}

/** Replaces a pair in place, as a renewal does; returns its serial number. */
async function renew(t: Test, authority: TestAuthority, tls: { cert: string; key: string }, names: string[]) {
  const [first = '', ...others] = names;
  const issued = await authority.issue([first, ...others]);
  writeFileSync(tls.key, issued.key);
  writeFileSync(tls.cert, issued.cert);
  t.pass(`renewed for ${first}`);
}

async function serialOf(berth: TestBerth, ca: string, servername: string): Promise<string> {
  const socket: TLSSocket = connectTls({ host: '127.0.0.1', port: berth.port, servername, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

function tlsOf({ config }: TestBerth): { cert: string; key: string } {
  const pair = config.listeners[0]?.tls?.certificates[0];
  if (pair === undefined) throw new Error('this scene has no certificate');
  return pair;
}

t.test('R1 another configuration is in force for the next request, on the same connection', async (t) => {
  const scene = await openScene(t);
  const { berth } = scene;
  t.equal((await scene.send(scene.blobPath)).status, 307);
  const connections = await berth.metric('berth_connections_open');
  await reload(berth, { config: withRegistry(berth.config, { delivery: 'inline', push: false }) });
  t.equal((await scene.send(scene.blobPath)).status, 200);
  t.equal(await berth.metric('berth_connections_open'), connections, 'nobody had to connect anew');
  t.equal((await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' })).status, 405);
  t.equal(await results(berth, 'configuration', 'applied'), 1);
  t.equal(await successful(berth, 'configuration'), 1);
});

t.test('R1 a further registry, with its certificate', async (t) => {
  const scene = await openScene(t);
  const { berth, authority } = scene;
  const { certFile: cert, keyFile: key } = await authority.issue(['other.example']);
  const first = berth.config.registries[0] as RegistryConfig;
  const other = testRegistry({
    name: 'other',
    loginServer: 'other.example',
    delivery: 'inline',
    dataEndpoint: null,
    upstream: first.upstream,
  });
  const listeners = berth.config.listeners.map((listener) => ({
    ...listener,
    tls: listener.tls && {
      ...listener.tls,
      certificates: [...listener.tls.certificates, { cert, key }],
    },
  }));
  await reload(berth, { config: { ...berth.config, registries: [first, other] } });
  t.equal(await results(berth, 'configuration', 'rejected'), 1, 'no certificate covers it');
  t.match(
    berth.log.find((line) => line['part'] === 'configuration'),
    { reason: /no certificate covers other\.example/ },
  );
  await reload(berth, { config: { ...berth.config, listeners, registries: [first, other] } });
  t.equal(await successful(berth, 'configuration'), 1);
  const serial = await serialOf(berth, authority.cert, 'other.example');
  t.not(serial, await serialOf(berth, authority.cert, 'contoso.registry.example'));
});

t.test('R1 R2 certificates: renewed ones are served, broken ones are not', async (t) => {
  const scene = await openScene(t);
  const { berth, authority } = scene;
  const names = ['contoso.registry.example', 'contoso.eastus.data.registry.example'];
  const serial = () => serialOf(berth, authority.cert, 'contoso.registry.example');
  const before = await serial();
  await renew(t, authority, tlsOf(berth), names);
  await reload(berth, {});
  const renewed = await serial();
  t.not(renewed, before);
  t.equal(await results(berth, 'certificates', 'applied'), 1);
  writeFileSync(tlsOf(berth).cert, 'not PEM');
  await reload(berth, {});
  t.equal(await serial(), renewed, 'the last good one');
  t.equal(await results(berth, 'certificates', 'rejected'), 1);
  t.equal(await successful(berth, 'certificates'), 0);
  t.equal(await successful(berth, 'configuration'), 1, 'each part by itself');
  await renew(t, authority, tlsOf(berth), names);
  await reload(berth, {});
  t.equal(await successful(berth, 'certificates'), 1);
});

t.test('R1 R2 authorities of the upstream', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false, authorizationTtlSeconds: 0 } });
  const { berth, authority } = scene;
  const caFile = authority.caFile;
  const stranger = await createTestAuthority();
  t.teardown(() => stranger.remove());
  const tags = `/v2/${REPOSITORY}/tags/list`;
  t.equal((await scene.send(tags)).status, 200);
  writeFileSync(caFile, `${authority.cert.slice(0, 300)}\n`);
  await reload(berth, {});
  t.equal(await results(berth, 'authorities', 'rejected'), 1, 'cut in the middle');
  t.equal((await scene.send(tags)).status, 200, 'the last good ones');
  writeFileSync(caFile, stranger.cert);
  await reload(berth, {});
  t.equal(await results(berth, 'authorities', 'applied'), 1);
  t.equal((await scene.send(tags)).status, 502, 'the upstream is not of theirs');
  writeFileSync(caFile, authority.cert);
  await reload(berth, {});
  t.equal((await scene.send(tags)).status, 200);
});

t.test('R1 R2 passwords', async (t) => {
  const directory = t.testdir({
    'own.txt': 'ana:ana-password\n',
    htpasswd: `bob:${await hash('bob-password', 4)}\n`,
  });
  const htpasswdFile = `${directory}/htpasswd`;
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: [{ name: 'ana', password: 'ana-password', repositories: [REPOSITORY] }] },
    upstream: { auth: { kind: 'file', file: `${directory}/own.txt` } },
    registry: { clients: { anonymous: false, htpasswdFile, mtls: false, networks: [] } },
  });
  const { berth } = scene;
  const status = async (name: string) =>
    (await scene.send('/v2/', { headers: { authorization: basic(name) } })).status;
  t.same([await status('bob'), await status('eve')], [200, 401]);
  const until = async (result: string, count: number) => {
    const deadline = Date.now() + 5000;
    while ((await results(berth, 'passwords', result)) < count) {
      if (Date.now() > deadline) throw new Error(`passwords are not ${result} within 5 s`);
      await reload(berth, {});
    }
  };
  writeFileSync(htpasswdFile, `bob:${await hash('bob-password', 4)}\neve:${await hash('eve-password', 4)}\n`);
  await until('applied', 1);
  t.same([await status('bob'), await status('eve')], [200, 200]);
  writeFileSync(htpasswdFile, 'bob:plain\n');
  await until('rejected', 1);
  t.same([await status('bob'), await status('eve')], [200, 200], 'the last good ones');
  t.equal(await successful(berth, 'passwords'), 0);
});

t.test('R2 a wrong configuration holds nothing else up', async (t) => {
  const scene = await openScene(t);
  const { berth } = scene;
  const before = await berth.metric('berth_config_last_reload_success_timestamp_seconds', {
    part: 'configuration',
  });
  t.ok(before > 0, 'at first the start');
  const keys = generateTicketKeys();
  await reload(berth, { config: new Error('berth.yaml:3:5: is wrong'), ticketKeys: keys });
  t.equal((await scene.send(scene.blobPath)).status, 307, 'the last good one');
  t.equal(await results(berth, 'configuration', 'rejected'), 1);
  t.equal(await successful(berth, 'configuration'), 0);
  t.equal(await results(berth, 'ticket_keys', 'applied'), 1);
  t.match(
    berth.log.filter((line) => line['part'] === 'configuration'),
    [{ level: 'error', reason: 'berth.yaml:3:5: is wrong', msg: /last good one stays in force/ }],
  );
  await reload(berth, { ticketKeys: new Error('the ticket key file k: is wrong') });
  t.equal(await results(berth, 'configuration', 'unchanged'), 1);
  t.equal(await results(berth, 'ticket_keys', 'rejected'), 1);
  t.equal(await successful(berth, 'configuration'), 1, 'in force is what the file says again');
  t.equal((await scene.send(await scene.ticketUrl())).status, 200, 'the last good keys');
});

t.test('R2 what can not be made leaves everything as it is', async (t) => {
  const scene = await openScene(t);
  const { berth } = scene;
  const { registries } = berth.config;
  const upstream = { ...(registries[0] as RegistryConfig).upstream, caFile: '/nonexistent/ca.pem' };
  await reload(berth, { config: withRegistry(berth.config, { push: false, upstream }) });
  t.match(
    berth.log.find((line) => line['part'] === 'configuration'),
    { reason: /\/nonexistent\/ca\.pem can not be read/ },
  );
  t.equal((await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' })).status, 202);
});

t.test('R3 a transfer under way ends with the upstream it began with', async (t) => {
  const scene = await openScene(t, { blobBytes: 3_000_000 });
  const { berth, authority } = scene;
  scene.storage.fault = { kind: 'slow', chunkBytes: 200_000, intervalMs: 20 };
  const ticket = await scene.ticketUrl();
  const transfer = scene.send(ticket);
  const deadline = Date.now() + 5000;
  while ((await berth.metric('berth_blob_transmit_bytes_total')) === 0) {
    if (Date.now() > deadline) throw new Error('no byte within 5 s');
  }
  const other = await startFixtureRegistry({ authority });
  t.teardown(() => other.close());
  const { upstream } = berth.config.registries[0] as RegistryConfig;
  await reload(berth, { config: withRegistry(berth.config, { upstream: { ...upstream, url: other.url } }) });
  t.equal((await scene.send(scene.blobPath)).status, 404, 'the other upstream answers already');
  const { status, body, ended } = await transfer;
  t.match({ status, ended }, { status: 200, ended: 'complete' });
  t.ok(body.equals(scene.blob));
  while ((await scene.storage.connections()) > 0) {
    if (Date.now() > deadline) throw new Error('the old connections are not closed within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.pass('then its connections are closed');
});

t.test(
  'R3 connections and decisions are kept where the upstream did not change, and only there',
  async (t) => {
    const scene = await openScene(t, { registry: { publicProbe: false } });
    const { berth, authority, registry } = scene;
    const authorization = jwtOf('ana', Date.now() + 3_600_000);
    const pull = async () => (await scene.send(scene.blobPath, { headers: { authorization } })).status;
    t.equal(await pull(), 307);
    const asked = registry.requests.length;
    await reload(berth, { config: withRegistry(berth.config, { aliases: [], delivery: 'inline' }) });
    t.equal(await pull(), 200);
    t.equal(registry.requests.length, asked, 'decided already');
    t.equal(await berth.metric('berth_authorization_decisions_total', { result: 'hit' }), 1);
    const other = await startFixtureRegistry({ authority });
    t.teardown(() => other.close());
    const { upstream } = berth.config.registries[0] as RegistryConfig;
    await reload(berth, {
      config: withRegistry(berth.config, { upstream: { ...upstream, url: other.url } }),
    });
    t.equal(await pull(), 404, 'nothing of the other upstream’s is of use here');
  },
);

t.test('R4 what needs a restart is named and stays, the rest is in force', async (t) => {
  const scene = await openScene(t);
  const { berth } = scene;
  const { config } = berth;
  await reload(berth, {
    config: {
      ...withRegistry(config, { delivery: 'inline' }),
      listeners: config.listeners.map((listener) => ({ ...listener, port: 1 })),
      metrics: { address: '127.0.0.1', port: 1 },
      limits: { ...config.limits, headerBytes: 20_000, connections: 999 },
    },
  });
  t.equal((await scene.send(scene.blobPath)).status, 200);
  t.equal(await results(berth, 'configuration', 'restart_needed'), 1);
  t.equal(await successful(berth, 'configuration'), 0);
  t.match(
    berth.log.find((line) => line['part'] === 'configuration'),
    { level: 'error', fields: ['listeners[0].port', 'metrics.port', 'limits.headerBytes'] },
  );
});

t.test('R5 a rotation over two replicas: tickets of both open on both at every step', async (t) => {
  const scene = await openScene(t);
  const { authority } = scene;
  // As by hand: one key and no successor yet.
  const seed = parseTicketKeys(`hand ${Buffer.alloc(32, 1).toString('base64')}`);
  const replicas = await Promise.all(
    [0, 1].map(() => startBerth({ authority, registries: scene.berth.config.registries, ticketKeys: seed })),
  );
  const [a, b] = replicas as [TestBerth, TestBerth];
  for (const replica of replicas) t.teardown(() => replica.close());
  const given: { readonly url: string; readonly by: string }[] = [];
  const pull = async (replica: TestBerth, name: string): Promise<void> => {
    const redirect = await replica.client.send(`${scene.login}${scene.blobPath}`);
    given.push({ url: redirect.headers.location ?? '', by: name });
  };
  const everyTicketOpens = async (step: string): Promise<void> => {
    await pull(a, `a, ${step}`);
    await pull(b, `b, ${step}`);
    // Tickets of the last two steps: older ones have expired by the time of the next rotation but one.
    for (const { url, by } of given.slice(-6)) {
      for (const [name, replica] of Object.entries({ a, b })) {
        t.equal((await replica.client.send(url)).status, 200, `${step}: sealed by ${by}, shown to ${name}`);
      }
    }
  };
  await everyTicketOpens('before');
  let keys = seed;
  for (const rotation of [1, 2, 3]) {
    keys = rotateTicketKeys(keys);
    await reload(a, { ticketKeys: keys });
    await everyTicketOpens(`rotation ${rotation}, on a alone`);
    await reload(b, { ticketKeys: keys });
    await everyTicketOpens(`rotation ${rotation}, on both`);
  }
});

t.test('R5 an upload that began before a rotation goes on', async (t) => {
  const scene: Scene = await openScene(t);
  const { berth } = scene;
  const started = await scene.send(`/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' });
  t.equal(started.status, 202);
  await reload(berth, { ticketKeys: rotateTicketKeys(berth.ticketKeys) });
  const continued = await scene.send(started.headers.location ?? '', { method: 'PATCH', body: 'content' });
  t.equal(continued.status, 202);
});

t.test('R7 a reload that is not done when Berth is told to stop is dropped', async (t) => {
  const { berth } = await openScene(t);
  const reading = Promise.withResolvers<void>();
  const config = Promise.withResolvers<Config>();
  const reloading = berth.app.reload({
    config() {
      reading.resolve();
      return config.promise;
    },
    ticketKeys: () => Promise.resolve(rotateTicketKeys(berth.ticketKeys)),
  });
  await reading.promise;
  await berth.app.stop();
  const said = berth.log.length;
  config.resolve(withRegistry(berth.config, { delivery: 'inline', push: false }));
  await reloading;
  t.same(berth.log.slice(said), [], 'nothing is switched, and nothing taken up');
  await reload(berth, { ticketKeys: rotateTicketKeys(berth.ticketKeys) });
  t.same(berth.log.slice(said), [], 'nor does a later one begin');
});

t.test('L6, L7 what was asked counts on, whatever is reloaded', async (t) => {
  const limits = { concurrency: 100, requestsPerMinute: 3, queueLength: 10, queueSeconds: 1 };
  const scene = await openScene(t, { upstream: { limits } });
  const { berth } = scene;
  const path = `/v2/${REPOSITORY}/tags/list`;
  const ask = async () => (await scene.send(path)).status;
  t.same([await ask(), await ask(), await ask()], [200, 200, 200]);
  await reload(berth, {
    config: { ...berth.config, timeouts: { ...berth.config.timeouts, idleSeconds: 59 } },
  });
  t.equal(await ask(), 429, 'of other connections, too');
  const [registry] = berth.config.registries;
  const upstream = { ...(registry as RegistryConfig).upstream, limits: { ...limits, requestsPerMinute: 4 } };
  await reload(berth, { config: withRegistry(berth.config, { upstream }) });
  t.same([await ask(), await ask()], [200, 429], 'another budget is in force, less what was asked');
  await reload(berth, {
    config: withRegistry(berth.config, { upstream: { ...upstream, url: 'https://127.0.0.1:1' } }),
  });
  t.equal(await ask(), 502, 'another upstream has a budget of its own');
});
