import t from 'tap';
import { createTestAuthority } from '../support/ca.ts';
import { openRaw, parseResponse, startListener } from './fixture.ts';
import { proxyV2 } from './proxy-header.ts';

const REQUEST = 'GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\nConnection: close\r\n\r\n';
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n';
const proxied = { clientAddress: 'proxyProtocol', trustedProxies: ['127.0.0.0/8'] } as const;

const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const certificate = await authority.issue(['contoso.registry.example']);
const tls = { certificates: [{ cert: certificate.certFile, key: certificate.keyFile }], clientCaFile: null };

const headers = {
  'version 1': [Buffer.from(V1), '192.0.2.7'],
  'version 1 UNKNOWN': [Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1'],
  'version 2 IPv4': [proxyV2('192.0.2.7', 51000), '192.0.2.7'],
  'version 2 IPv6': [proxyV2('2001:db8::7', 51000), '2001:db8::7'],
  'version 2 with TLVs': [proxyV2('192.0.2.7', 51000, { tlv: Buffer.alloc(1000) }), '192.0.2.7'],
  'version 2 LOCAL': [proxyV2('192.0.2.7', 51000, { command: 0 }), '127.0.0.1'],
} as const;

for (const [name, [header, wanted]] of Object.entries(headers)) {
  t.test(`${name} over http: in one segment with the request`, async (t) => {
    const { port, capture } = await startListener(t, { config: proxied });
    const connection = await openRaw(t, port);
    connection.send(Buffer.concat([header, Buffer.from(REQUEST)]));
    t.equal(parseResponse(await connection.closed()).status, 200);
    t.match(await capture.messages('request'), [{ client: wanted }]);
  });

  t.test(`${name} over http: byte by byte`, async (t) => {
    const { port, capture } = await startListener(t, { config: proxied });
    const connection = await openRaw(t, port);
    connection.socket.setNoDelay(true);
    for (const byte of Buffer.concat([header.subarray(0, 40), header.subarray(40)])) {
      await new Promise<void>((resolve) => connection.socket.write(Buffer.from([byte]), () => resolve()));
    }
    connection.send(REQUEST);
    t.equal(parseResponse(await connection.closed()).status, 200);
    t.match(await capture.messages('request'), [{ client: wanted }]);
  });

  t.test(`${name} over https: in one segment with the ClientHello`, async (t) => {
    const { port, capture } = await startListener(t, { config: { ...proxied, tls } });
    const options = { ca: authority.cert, servername: 'contoso.registry.example' };
    const connection = await openRaw(t, port, options, header);
    connection.send(REQUEST);
    t.equal(parseResponse(await connection.closed()).status, 200);
    t.match(await capture.messages('request'), [{ client: wanted }]);
  });
}

t.test('keep-alive, and bodies larger than a segment, survive the hand-over', async (t) => {
  const { port } = await startListener(t, {
    config: proxied,
    handle: async (request, reply) => {
      let bytes = 0;
      for await (const chunk of request.raw) bytes += chunk.length;
      await reply.send(`read ${bytes}.`);
    },
  });
  const connection = await openRaw(t, port);
  const put = (size: number) =>
    `PUT /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`;
  connection.send(V1 + put(1_000_000));
  await connection.received('read 1000000.');
  connection.send(put(3));
  t.match(await connection.received('read 3.'), /200 OK/);
});

const refused = {
  'no header at all': [REQUEST, 'proxy_protocol_malformed'],
  'a TLS ClientHello without header': [Buffer.from([22, 3, 1, 2, 0, 1]), 'proxy_protocol_malformed'],
  'a header that is none': ['PROXY TCP4 nowhere\r\n', 'proxy_protocol_malformed'],
} as const;
for (const [name, [bytes, reason]] of Object.entries(refused)) {
  t.test(`${name}: the connection is closed without a word`, async (t) => {
    const { port, metrics } = await startListener(t, { config: proxied });
    const connection = await openRaw(t, port);
    connection.send(bytes);
    t.equal(await connection.closed(), '');
    t.equal(await metrics.connectionsRefused.value({ reason }), 1);
  });
}

t.test('a peer that is not trusted is closed before it is read', async (t) => {
  const { port, metrics } = await startListener(t, {
    config: { clientAddress: 'proxyProtocol', trustedProxies: ['10.0.0.0/8'] },
  });
  const connection = await openRaw(t, port);
  connection.send(V1 + REQUEST);
  t.equal(await connection.closed(), '');
  t.equal(await metrics.connectionsRefused.value({ reason: 'proxy_protocol_untrusted' }), 1);
});

t.test('a header that does not come in time ends the connection', async (t) => {
  const { port, metrics } = await startListener(t, {
    config: proxied,
    timeouts: { requestHeadersSeconds: 0.1 },
  });
  const connection = await openRaw(t, port);
  connection.send('PROXY TCP4 192');
  t.equal(await connection.closed(), '');
  t.equal(await metrics.connectionsRefused.value({ reason: 'proxy_protocol_timeout' }), 1);
});

t.test('a request header section that does not come in time after a PROXY header gets 408', async (t) => {
  const { port, metrics } = await startListener(t, {
    config: proxied,
    timeouts: { requestHeadersSeconds: 0.1 },
  });
  const connection = await openRaw(t, port);
  connection.send(`${V1}GET /v2/ HTTP/1.1\r\nHos`);
  t.equal(parseResponse(await connection.closed()).status, 408);
  t.equal(await metrics.httpRefusedRequests.value({ reason: 'header_timeout' }), 1);
});

t.test('a peer that leaves before its header is no error', async (t) => {
  const { port, metrics, capture } = await startListener(t, { config: proxied });
  const connection = await openRaw(t, port);
  connection.send('PROXY');
  connection.socket.resetAndDestroy();
  await connection.closed();
  const next = await openRaw(t, port);
  next.send(V1 + REQUEST);
  t.equal(parseResponse(await next.closed()).status, 200);
  t.match(await capture.messages('request'), [{ client: '192.0.2.7' }]);
  t.equal(await metrics.connectionsRefused.value({ reason: 'proxy_protocol_malformed' }), 0);
});
