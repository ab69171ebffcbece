import { X509Certificate } from 'node:crypto';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createCertificateStore } from '../../src/listener/certificate-store.ts';
import { CertificateError, loadCertificates } from '../../src/listener/tls.ts';
import { createTestAuthority } from '../support/ca.ts';
import { createLogCapture } from './fixture.ts';

const authority = await createTestAuthority();
t.teardown(() => authority.remove());

async function startStore(load = loadCertificates) {
  const first = await authority.issue(['first.example']);
  const second = await authority.issue(['second.example']);
  const cert = join(authority.directory, 'served.pem');
  const key = join(authority.directory, 'served.key');
  await copyFile(first.certFile, cert);
  await copyFile(first.keyFile, key);
  const clock = { ms: 0 };
  const capture = createLogCapture();
  const config = { certificates: [{ cert, key }], clientCaFile: null };
  const store = createCertificateStore(config, { log: capture.log, now: () => clock.ms, load });
  const name = () => store.current().leaves[0]?.subject;
  return { first, second, cert, key, clock, capture, store, name };
}

t.test('changed files are taken over; unchanged ones are not read again', async (t) => {
  const { second, cert, key, store, name, capture } = await startStore();
  const reloads: unknown[] = [];
  store.onReload(({ cert: pem }) => reloads.push(new X509Certificate(String(pem)).subject));
  await store.refresh();
  t.equal(name(), 'CN=first.example');
  t.same(reloads, []);
  await copyFile(second.certFile, cert);
  await copyFile(second.keyFile, key);
  await store.refresh();
  t.equal(name(), 'CN=second.example');
  t.same(reloads, ['CN=second.example']);
  t.match(await capture.messages('certificates reloaded'), [{ level: 'info' }]);
});

t.test('files that cannot be served leave the last good ones in place, until they can', async (t) => {
  const { second, cert, key, store, name, capture } = await startStore();
  await copyFile(second.certFile, cert); // its key is not there yet
  await store.refresh();
  t.equal(name(), 'CN=first.example');
  t.match(await capture.messages('certificates not reloaded; the last good ones stay'), [
    { level: 'error', error: { message: /does not belong to/ } },
  ]);
  await rm(key);
  await store.refresh();
  t.equal(name(), 'CN=first.example');
  await writeFile(key, second.key);
  await store.refresh();
  t.equal(name(), 'CN=second.example');
});

t.test(
  'files that the system can not read just now are tried again, although they stay the same',
  async (t) => {
    let fails = 0;
    const { second, cert, key, store, name } = await startStore((config) => {
      if (fails === 0) return loadCertificates(config);
      fails -= 1;
      throw new CertificateError(cert, 'cannot be read (EMFILE)', undefined, true);
    });
    await copyFile(second.certFile, cert);
    await copyFile(second.keyFile, key);
    fails = 2;
    await store.refresh();
    await store.refresh();
    t.equal(name(), 'CN=first.example');
    await store.refresh();
    t.equal(name(), 'CN=second.example');
  },
);

t.test('a look that has begun says nothing of files that are others by then', async (t) => {
  const { second, cert, key, store, name, capture } = await startStore();
  await copyFile(second.certFile, cert);
  await copyFile(second.keyFile, key);
  const other = await authority.issue(['third.example']);
  const prepared = await store.prepare({
    certificates: [{ cert: other.certFile, key: other.keyFile }],
    clientCaFile: null,
  });
  const look = store.refresh();
  prepared.commit();
  await look;
  t.equal(name(), 'CN=third.example');
  t.same(
    capture.lines.filter(({ msg }) => msg === 'certificates reloaded'),
    [],
  );
  await store.refresh();
  t.same(
    capture.lines.filter(({ msg }) => msg === 'certificates reloaded'),
    [],
    'these have not changed',
  );
});

t.test('a handshake looks at the files once in ten seconds', async (t) => {
  const { second, cert, key, clock, name, capture } = await startStore();
  await copyFile(second.certFile, cert);
  await copyFile(second.keyFile, key);
  clock.ms = 9_999;
  t.equal(name(), 'CN=first.example');
  clock.ms = 10_000;
  t.equal(name(), 'CN=first.example', 'the handshake does not wait for the disk');
  await capture.messages('certificates reloaded');
  t.equal(name(), 'CN=second.example');
});
