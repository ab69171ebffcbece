import t, { type Test } from 'tap';
import type { ListenerConfig, NetworkRules, RegistryConfig } from '../../src/config/config.ts';
import { startBerth, testRegistry } from '../support/berth.ts';
import { createTestClient } from '../support/http-client.ts';
import { errorOf, openScene, REPOSITORY, type Scene } from './scene.ts';

/** A listener that believes loopback, so that a test can be any client. */
const LISTENER: ListenerConfig = {
  address: '127.0.0.1',
  port: 0,
  network: 'public',
  clientAddress: 'xForwardedFor',
  trustedProxies: ['127.0.0.0/8'],
  tls: null,
};
const LOGIN = 'http://contoso.registry.example';
const DATA = 'http://contoso.eastus.data.registry.example';

function openNetwork(t: Test, registry: Partial<Omit<RegistryConfig, 'upstream'>>): Promise<Scene> {
  return openScene(t, {
    config: { listeners: [LISTENER, { ...LISTENER, network: 'private' }] },
    registry: { publicProbe: false, ...registry },
  });
}

function rules(
  defaultAction: 'allow' | 'deny',
  allow: readonly string[],
  deny: readonly string[] = [],
): { networkRules: NetworkRules } {
  const of = (action: 'allow' | 'deny') => (value: string) => ({ action, value });
  return { networkRules: { defaultAction, ipRules: [...allow.map(of('allow')), ...deny.map(of('deny'))] } };
}

function as(address: string): Record<string, string> {
  return { 'x-forwarded-for': address };
}

t.test(
  'N1 a client that the rules keep out gets 403 at both doors, and the upstream hears nothing',
  async (t) => {
    const scene = await openNetwork(t, rules('deny', ['192.0.2.0/24', '2001:db8:1::/48']));
    const outside = ['198.51.100.7', '2001:db8:2::7', '::ffff:198.51.100.7'];
    const paths = [
      `${LOGIN}/v2/`,
      `${LOGIN}/v2/_catalog`,
      `${LOGIN}/oauth2/token?service=x`,
      `${LOGIN}/v2/${REPOSITORY}/manifests/latest`,
      `${LOGIN}${scene.blobPath}`,
      `${LOGIN}/v2/${REPOSITORY}/blobs/uploads/`,
      `${LOGIN}/no/such/path`,
      `${DATA}/?r=x`,
      `${DATA}/v2/`,
    ];
    for (const client of outside) {
      for (const path of paths) {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
          const refused = await scene.send(path, { method, headers: as(client) });
          t.equal(refused.status, 403, `${method} ${path} ${client}`);
          t.equal(refused.headers.connection, 'close');
          if (method !== 'GET') continue;
          const { code, message } = errorOf(refused);
          t.equal(code, 'DENIED');
          const shown = client.replace('::ffff:', '');
          t.ok(message.startsWith(`client with IP '${shown}' is not allowed access. `), message);
          t.match(message, /networkRules/, 'and what to do');
        }
      }
    }
    t.equal(scene.registry.requests.length, 0, 'the upstream registry');
    t.equal(scene.storage.requests.length, 0, 'and its storage');
    for (const client of ['192.0.2.9', '2001:db8:1::9', '::ffff:192.0.2.9']) {
      t.equal((await scene.send(`${LOGIN}/v2/`, { headers: as(client) })).status, 200, client);
    }
    t.equal(
      (await scene.send(`${LOGIN}/v2/`, { headers: as('garbage') })).status,
      403,
      'the proxy itself is not in the rules',
    );
  },
);

t.test('N2 deny beats allow, a rule beats the default, in any order', async (t) => {
  const denyInside = await openNetwork(
    t,
    rules('deny', ['192.0.2.0/24', '2001:db8::/32'], ['192.0.2.128/25', '2001:db8:0:1::5']),
  );
  const denySome = await openNetwork(t, rules('allow', [], ['203.0.113.0/24', '2001:db8:bad::/48']));
  const rows: readonly (readonly [Scene, string, number])[] = [
    [denyInside, '192.0.2.127', 200],
    [denyInside, '192.0.2.128', 403],
    [denyInside, '192.0.3.1', 403],
    [denyInside, '2001:db8:0:1::4', 200],
    [denyInside, '2001:db8:0:1::5', 403],
    [denyInside, '2001:db9::', 403],
    [denySome, '203.0.113.255', 403],
    [denySome, '203.0.114.0', 200],
    [denySome, '2001:db8:bad::1', 403],
    [denySome, '2001:db8:bae::1', 200],
  ];
  for (const [scene, client, status] of rows) {
    t.equal((await scene.send(`${LOGIN}/v2/`, { headers: as(client) })).status, status, client);
  }
});

t.test('N3 publicNetworkAccess: false leaves the private listener alone', async (t) => {
  const scene = await openNetwork(t, {
    publicNetworkAccess: false,
    ...rules('allow', [], ['203.0.113.0/24']),
  });
  const [, privatePort = 0] = scene.berth.ports;
  const inside = createTestClient({ route: () => ({ address: '127.0.0.1', port: privatePort }) });
  t.teardown(() => inside.close());
  const headers = as('192.0.2.1');
  for (const path of [`${LOGIN}/v2/`, `${LOGIN}${scene.blobPath}`, `${DATA}/?r=x`]) {
    const refused = await scene.send(path, { headers });
    t.equal(refused.status, 403, path);
    t.match(errorOf(refused).message, /^client with IP '192\.0\.2\.1' is not allowed access\. .*private/);
  }
  t.equal(scene.registry.requests.length, 0);
  const redirect = await inside.send(`${LOGIN}${scene.blobPath}`, { headers });
  t.equal(redirect.status, 307);
  const link = (redirect.headers.location ?? '').replace('https:', 'http:');
  t.equal((await scene.send(link, { headers })).status, 403, 'a ticket opens no public data endpoint');
  t.ok((await inside.send(link, { headers })).body.equals(scene.blob), 'but the private one');
  const denied = await inside.send(`${LOGIN}/v2/`, { headers: as('203.0.113.1') });
  t.equal(denied.status, 403, 'networkRules hold there as well');
});

t.test('N4 a ticket from before is worth nothing to a client that is kept out now', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  t.equal((await scene.send(url)).status, 200);
  const registry = testRegistry({
    storagePorts: [scene.storage.port],
    upstream: { url: scene.registry.url, caFile: scene.authority.caFile },
    ...rules('deny', ['192.0.2.0/24']),
  });
  const { authority } = scene;
  const later = await startBerth({ authority, registries: [registry], ticketKeys: scene.berth.ticketKeys });
  t.teardown(() => later.close());
  const before = scene.storage.requests.length;
  const refused = await later.client.send(url);
  t.equal(refused.status, 403);
  t.match(errorOf(refused).message, /^client with IP '127\.0\.0\.1' is not allowed access/);
  t.equal(scene.storage.requests.length, before, 'storage is not asked');
});
