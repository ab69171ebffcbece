import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RegistryConfig } from '../../src/config/config.ts';
import { createTestAuthority, type TestCertificate } from '../support/ca.ts';
import { createTestClient } from '../support/http-client.ts';
import { openScene } from './scene.ts';

/** A Berth that only lets in who shows a certificate, and whose clients' authorities can be replaced. */
async function openCertified(t: Test) {
  const directory = t.testdir({ 'own.txt': 'ana:ana-password\n' });
  const scene = await openScene(t, {
    upstream: { auth: { kind: 'file', file: join(directory, 'own.txt') } },
    registry: { clients: { anonymous: false, htpasswdFile: null, mtls: true, networks: [] } },
    clientCertificates: true,
  });
  const { berth, authority } = scene;
  const clientCaFile = join(directory, 'clients.pem');
  const config = {
    ...berth.config,
    listeners: berth.config.listeners.map((listener) => ({
      ...listener,
      tls: listener.tls && { ...listener.tls, clientCaFile },
    })),
  };
  const replace = async (pem: string, registry: Partial<RegistryConfig> = {}) => {
    writeFileSync(clientCaFile, pem);
    const registries = config.registries.map((one) => ({ ...one, ...registry }));
    await berth.app.reload({
      config: () => Promise.resolve({ ...config, registries }),
      ticketKeys: () => Promise.resolve(berth.ticketKeys),
    });
  };
  const connect = (identity: TestCertificate) => {
    const client = createTestClient({
      ca: authority.cert,
      identity,
      route: () => ({ address: '127.0.0.1', port: berth.port }),
    });
    t.teardown(() => client.close());
    return async () => {
      const { status, headers } = await client.send(`${scene.login}/v2/`);
      return [status, headers.connection === 'close'];
    };
  };
  await replace(authority.cert);
  return { ...scene, replace, connect };
}

t.test('R1 a replaced authority of clients counts for open connections as well', async (t) => {
  const { authority, replace, connect } = await openCertified(t);
  const stranger = await createTestAuthority('Another authority');
  t.teardown(() => stranger.remove());
  const [ours, theirs] = [
    connect(await authority.issue(['node-1.example'])),
    connect(await stranger.issue(['node-2.example'])),
  ];
  t.same(await ours(), [200, false]);
  t.same(await theirs(), [403, false]);
  await replace(`${authority.cert}\n${stranger.cert}`);
  t.same(await ours(), [200, false], 'its own is still among them');
  t.same(await theirs(), [403, true], 'only a handshake can tell');
  t.same(await theirs(), [200, false]);
  await replace(stranger.cert, { push: false });
  t.same(await ours(), [403, true], 'on a connection from before');
  t.same(await ours(), [403, false], 'nor by a TLS session of before');
  t.same(await theirs(), [200, false]);
});
