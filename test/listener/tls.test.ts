import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import t from 'tap';
import { certificateCovers, loadCertificates, tlsOptions, uncoveredHosts } from '../../src/listener/tls.ts';
import { createTestAuthority } from '../support/ca.ts';
import { openRaw, parseResponse, startListener } from './fixture.ts';

const authority = await createTestAuthority();
const otherAuthority = await createTestAuthority();
t.teardown(() => Promise.all([authority.remove(), otherAuthority.remove()]));
const login = await authority.issue(['contoso.registry.example', '127.0.0.1']);
const data = await authority.issue(['*.data.registry.example']);
const pair = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
  cert: certFile,
  key: keyFile,
});
const both = { certificates: [pair(login), pair(data)], clientCaFile: null };
const REQUEST = 'GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\nConnection: close\r\n\r\n';

t.test('the certificate is chosen by SNI; the first one without a name that fits', async (t) => {
  const { port } = await startListener(t, { config: { tls: both } });
  const served = async (servername: string | undefined) => {
    const options = { ca: authority.cert, checkServerIdentity: () => undefined };
    const { socket } = await openRaw(
      t,
      port,
      servername === undefined ? options : { ...options, servername },
    );
    return peerName(socket);
  };
  t.equal(await served('contoso.registry.example'), 'contoso.registry.example');
  t.equal(
    await served('contoso.eastus.data.registry.example'),
    'contoso.registry.example',
    'one label per *',
  );
  t.equal(await served('contoso-eastus.data.registry.example'), '*.data.registry.example');
  t.equal(await served('CONTOSO-EASTUS.DATA.registry.example'), '*.data.registry.example');
  t.equal(await served('elsewhere.example'), 'contoso.registry.example');
  t.equal(await served(undefined), 'contoso.registry.example');
});

function peerName(socket: object): string {
  const certificate = 'getPeerCertificate' in socket ? (socket as TLSSocket).getPeerCertificate() : undefined;
  return String(certificate?.subject.CN);
}

t.test('TLS 1.2 at least, HTTP/1.1 only', async (t) => {
  const { port, metrics } = await startListener(t, { config: { tls: both } });
  const old = await openRaw(t, port, {
    ca: authority.cert,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  t.equal(await old.closed(), '');
  t.equal(await metrics.connectionsRefused.value({ reason: 'tls_handshake' }), 1);
  const h2 = await openRaw(t, port, {
    ca: authority.cert,
    servername: 'contoso.registry.example',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  t.match(h2.socket, { alpnProtocol: 'http/1.1' });
});

t.test(
  'plain HTTP on a TLS port, or a client that leaves in the handshake: closed, counted, process alive',
  async (t) => {
    const { port, metrics } = await startListener(t, { config: { tls: both } });
    const plain = await openRaw(t, port);
    plain.send(REQUEST);
    t.notMatch(await plain.closed(), /HTTP/);
    t.equal(await metrics.connectionsRefused.value({ reason: 'tls_handshake' }), 1);
    const next = await openRaw(t, port, { ca: authority.cert, servername: 'contoso.registry.example' });
    next.send(REQUEST);
    t.equal(parseResponse(await next.closed()).status, 200);
  },
);

t.test('a handshake that does not come in time ends the connection', async (t) => {
  const { port } = await startListener(t, {
    config: { tls: both },
    timeouts: { requestHeadersSeconds: 0.1 },
  });
  const connection = await openRaw(t, port);
  connection.send(Buffer.from([22, 3, 1]));
  t.equal(await connection.closed(), '');
});

t.test('bytes in the log are those of the response, not of its encryption', async (t) => {
  const { port, capture } = await startListener(t, { config: { tls: both } });
  const connection = await openRaw(t, port, { ca: authority.cert, servername: 'contoso.registry.example' });
  connection.send(REQUEST);
  const text = await connection.closed();
  t.match(await capture.messages('request'), [{ bytes: text.length, outcome: 'ok' }]);
});

t.test('client certificates are asked for and judged, not required', async (t) => {
  const seen: boolean[] = [];
  const { port } = await startListener(t, {
    config: { tls: { ...both, clientCaFile: authority.caFile } },
    handle: async (_request, reply, context) => {
      seen.push(context.clientCertificate);
      await reply.send('ok');
    },
  });
  const known = await authority.issue(['client']);
  const stranger = await otherAuthority.issue(['client']);
  for (const servername of ['contoso.registry.example', 'x.data.registry.example']) {
    for (const client of [known, stranger, undefined]) {
      const credentials = client === undefined ? {} : { cert: client.cert, key: client.key };
      const connection = await openRaw(t, port, { ca: authority.cert, servername, ...credentials });
      connection.send(REQUEST);
      t.equal(parseResponse(await connection.closed()).status, 200);
    }
  }
  t.same(seen, [true, false, false, true, false, false]);
});

t.test('files that cannot be served: which one, what is wrong, what to do', async (t) => {
  const directory = authority.directory;
  async function write(name: string, text: string): Promise<string> {
    const file = join(directory, name);
    await writeFile(file, text);
    return file;
  }
  const noPem = await write('nonsense.pem', 'hello');
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
  });
  const encrypted = await write('encrypted.key', privateKey);
  const missing = join(directory, 'missing.pem');
  const below = join(noPem, 'tls.crt');
  const cut = await write('cut.pem', `${login.cert}\n${authority.cert.slice(0, 200)}`);
  const reversed = await write('reversed.pem', `${authority.cert}\n${login.cert}`);
  const broken = await write(
    'broken.pem',
    `${data.cert}\n-----BEGIN CERTIFICATE-----\nabcd\n-----END CERTIFICATE-----\n`,
  );
  const cases: readonly (readonly [{ cert: string; key: string }, string | null, string, RegExp])[] = [
    [
      { cert: missing, key: login.keyFile },
      null,
      missing,
      /no such file; put it there, or name .* the certificate/,
    ],
    [{ cert: login.certFile, key: missing }, null, missing, /no such file; put it there, or name .* its key/],
    [{ cert: below, key: login.keyFile }, null, below, /no such file/],
    [pair(login), missing, missing, /no such file; .* the authorities of the clients/],
    [{ cert: directory, key: login.keyFile }, null, directory, /is a directory; name .* the file in it/],
    [{ cert: noPem, key: login.keyFile }, null, noPem, /is not a PEM certificate; it is to have/],
    [
      { cert: login.certFile, key: noPem },
      null,
      noPem,
      /is not an unencrypted PEM private key; it is to have/,
    ],
    [{ cert: login.certFile, key: encrypted }, null, encrypted, /private key; .* write it without one/],
    [
      { cert: login.certFile, key: data.keyFile },
      null,
      data.keyFile,
      /does not belong to the certificate in .*leaf-1\.pem; name the key that the certificate was asked for with/,
    ],
    [{ cert: broken, key: login.keyFile }, null, login.keyFile, /does not belong .*; name the key/],
    [
      { cert: reversed, key: login.keyFile },
      null,
      login.keyFile,
      /does not belong .*; it belongs to a later one/,
    ],
    [{ cert: cut, key: login.keyFile }, null, cut, /cannot be served \(ERR_\w+\); look for an intermediate/],
    [pair(login), noPem, noPem, /is not a PEM certificate, or was cut; write the authorities/],
    [pair(login), cut, cut, /is not a PEM certificate, or was cut; write the authorities/],
  ];
  for (const [certificate, clientCaFile, file, problem] of cases) {
    t.throws(
      () => loadCertificates({ certificates: [certificate], clientCaFile }),
      { name: 'CertificateError', code: 'certificate_error', file, message: problem },
      problem.source,
    );
  }
  t.throws(
    () => loadCertificates({ certificates: [], clientCaFile: null }),
    /names no certificate; name a file/,
  );
});

t.test('what is served is what was checked, whatever the files say a moment later', async (t) => {
  const cert = join(authority.directory, 'renewed.pem');
  const key = join(authority.directory, 'renewed.key');
  await writeFile(cert, login.cert);
  await writeFile(key, login.key);
  const loaded = loadCertificates({ certificates: [{ cert, key }], clientCaFile: authority.caFile });
  await writeFile(key, data.key);
  t.match(loaded.options, { cert: login.cert, key: login.key, ca: authority.cert });
  t.equal(createTlsServer(tlsOptions(() => loaded, 1000)).listening, false, 'and the two fit');
});

t.test('which hosts the certificates cover', (t) => {
  const { leaves } = loadCertificates(both);
  t.same(
    uncoveredHosts(leaves, [
      'contoso.registry.example',
      'contoso.registry.example:8443',
      'contoso-eastus.data.registry.example',
      'contoso.eastus.data.registry.example',
      'registry.example',
      '127.0.0.1:5000',
      '127.0.0.2',
      '[::1]:5000',
    ]),
    ['contoso.eastus.data.registry.example', 'registry.example', '127.0.0.2', '[::1]:5000'],
  );
  t.equal(certificateCovers(new X509Certificate(login.cert), 'Contoso.Registry.Example'), true);
  t.end();
});

t.test('the earliest end of validity is a metric', async (t) => {
  const { metrics } = await startListener(t, { config: { tls: both } });
  const ends = [login, data].map(({ cert }) => Date.parse(new X509Certificate(cert).validTo) / 1000);
  t.equal(await metrics.tlsCertificateNotAfter.value({}), Math.min(...ends));
  const { metrics: withoutTls } = await startListener(t);
  t.equal(await withoutTls.tlsCertificateNotAfter.value({}), 0);
});
