import { once } from 'node:events';
import { connect } from 'node:tls';
import t from 'tap';
import { digestOf } from '../support/image.ts';
import { startUpload } from './pushing.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

/** Bytes over one TLS connection to the login server, and everything that comes back. */
async function sendRaw(scene: Scene, bytes: string): Promise<string> {
  const host = 'contoso.registry.example';
  const socket = connect({
    host: '127.0.0.1',
    port: scene.berth.port,
    servername: host,
    ca: scene.authority.cert,
  });
  socket.on('error', () => {});
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  await once(socket, 'secureConnect');
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return received;
}

t.test('attack: a request hidden in the content of a push', async (t) => {
  const scene = await openScene(t);
  const hidden = `DELETE ${scene.blobPath} HTTP/1.1\r\nHost: contoso.azurecr.io\r\nContent-Length: 0\r\n\r\n`;
  const content = `${hidden}0\r\n\r\n${hidden}`;
  const size = content.length.toString(16);
  const bodies: Readonly<Record<string, readonly [fields: string, body: string]>> = {
    'with a length': [`Content-Length: ${content.length}`, content],
    chunked: ['Transfer-Encoding: chunked', `${size}\r\n${content}\r\n0\r\n\r\n`],
    'with a chunk extension': [
      'Transfer-Encoding: chunked',
      `${size};a="${hidden.split('\r\n')[0]}"\r\n${content}\r\n0;b=c\r\n\r\n`,
    ],
    'with trailers': [
      'Transfer-Encoding: chunked\r\nTrailer: Host, Authorization',
      `${size}\r\n${content}\r\n0\r\nHost: attacker.example\r\nAuthorization: Basic eDp4\r\n\r\n`,
    ],
    'behind Expect': [`Expect: 100-continue\r\nContent-Length: ${content.length}`, content],
  };
  for (const [what, [fields, body]] of Object.entries(bodies)) {
    const { location } = await startUpload(scene);
    scene.registry.requests.length = 0;
    const digest = digestOf(Buffer.from(content));
    const received = await sendRaw(
      scene,
      `PUT ${location}?digest=${digest} HTTP/1.1\r\nHost: contoso.registry.example\r\nConnection: close\r\n${fields}\r\n\r\n${body}`,
    );
    t.match(received, /HTTP\/1\.1 201 /, what);
    t.strictSame(
      scene.registry.requests.map(({ method }) => method),
      ['PUT'],
      `${what}: one request upstream`,
    );
    t.equal(scene.registry.requests[0]?.headers.trailer, undefined, what);
    t.equal(
      scene.registry.store.blob(REPOSITORY, digest)?.toString(),
      content,
      `${what}: all of it is content`,
    );
    scene.registry.store.deleteBlob(REPOSITORY, digest);
  }
  t.ok(scene.registry.store.blob(REPOSITORY, scene.digest), 'nothing was deleted');
});

t.test('attack: a push whose end is a matter of opinion', async (t) => {
  const scene = await openScene(t);
  const hidden = `DELETE ${scene.blobPath} HTTP/1.1\r\nHost: contoso.registry.example\r\nContent-Length: 0\r\n\r\n`;
  const { location } = await startUpload(scene);
  scene.registry.requests.length = 0;
  const rows = [
    ['Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`],
    ['Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${hidden}`],
    ['Content-Length: 0\r\nContent-Length: 5', hidden],
    ['Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`],
    ['X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 0', hidden],
    ['X-A: b\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`],
  ] as const;
  for (const [fields, body] of rows) {
    const received = await sendRaw(
      scene,
      `PATCH ${location} HTTP/1.1\r\nHost: contoso.registry.example\r\n${fields}\r\n\r\n${body}`,
    );
    t.match(received, /^HTTP\/1\.1 (400|501) /, JSON.stringify(fields));
    t.equal(received.split('HTTP/1.1 ').length, 2, 'one answer, and the end');
  }
  t.strictSame(scene.registry.requests, [], 'the upstream heard nothing');
  t.equal(await scene.berth.metric('berth_audit_events_total', { reason: 'request' }), rows.length);
});
