import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import type { ListenerDeps } from '../../src/listener/create-listener.ts';
import { endInStages, type StageLimits } from '../../src/listener/end-in-stages.ts';
import { ociError } from '../../src/oci/error.ts';
import { createTestAuthority } from '../support/ca.ts';
import { parseResponse, startListener } from './fixture.ts';

const authority = await createTestAuthority();
t.teardown(() => authority.remove());

/** More than all buffers between two sockets hold. */
const CONTENT = Buffer.alloc(32 * 1024 * 1024, 'x');
const NEXT = 'GET /next HTTP/1.1\r\nHost: contoso.registry.example\r\n\r\n';

function refuse(seen: string[] = []): ListenerDeps['handle'] {
  return async ({ raw }) => {
    seen.push(raw.url ?? '');
    throw ociError('UNSUPPORTED', { headers: { connection: 'close' } });
  };
}

/** What a client hears that reads nothing before it has sent everything. @throws where its connection is reset */
async function sendThenRead(socket: Socket, ...parts: readonly (string | Buffer)[]): Promise<string> {
  socket.pause();
  for (const part of parts) {
    await new Promise<void>((resolve, reject) => {
      socket.write(part, (error) => (error ? reject(error) : resolve()));
    });
  }
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  socket.resume();
  await once(socket, 'end');
  return Buffer.concat(heard).toString('latin1');
}

function head(length: number): string {
  return `PUT / HTTP/1.1\r\nHost: contoso.registry.example\r\nContent-Length: ${length}\r\n\r\n`;
}

async function connectTo(t: Test, port: number, tls: boolean): Promise<Socket> {
  const to = { host: '127.0.0.1', port };
  const socket = tls
    ? connectTls({ ...to, servername: 'contoso.registry.example', ca: authority.cert })
    : connect(to);
  t.teardown(() => socket.destroy());
  await once(socket, tls ? 'secureConnect' : 'connect');
  return socket;
}

for (const tls of [false, true]) {
  t.test(
    `an answer that ends the connection reaches a client that goes on sending, TLS: ${tls}`,
    async (t) => {
      const seen: string[] = [];
      const { certFile: cert, keyFile: key } = await authority.issue(['contoso.registry.example']);
      const { port, metrics, capture } = await startListener(t, {
        config: { tls: tls ? { certificates: [{ cert, key }], clientCaFile: null } : null },
        handle: refuse(seen),
      });
      const socket = await connectTo(t, port, tls);
      const answer = parseResponse(await sendThenRead(socket, head(CONTENT.length), CONTENT, NEXT));
      t.equal(answer.status, 405);
      t.equal(answer.headers.get('connection'), 'close');
      t.match(JSON.parse(answer.body), { errors: [{ code: 'UNSUPPORTED' }] });
      t.same(seen, ['/'], 'what comes after it is no request');
      t.equal(await metrics.httpRefusedRequests.value({ reason: 'malformed_request' }), 0);
      t.match(await capture.messages('request'), [{ status: 405, outcome: 'refused' }]);
    },
  );
}

t.test('a client that leaves amid what nobody reads is no malformed request', async (t) => {
  const { port, metrics } = await startListener(t, { handle: refuse() });
  const socket = await connectTo(t, port, false);
  await sendThenRead(socket, head(CONTENT.length), 'x');
  socket.end();
  await once(socket, 'close');
  t.equal(await metrics.httpRefusedRequests.value({ reason: 'malformed_request' }), 0);
});

t.test('a drain waits for no such client', async (t) => {
  const { port, listener } = await startListener(t, { handle: refuse() });
  const socket = await connectTo(t, port, false);
  t.match(await sendThenRead(socket, head(CONTENT.length), 'x'), /^HTTP\/1\.1 405 /);
  await listener.drain(0);
  t.pass('all are closed');
});

/** Resolves when the connection is closed; a reset is an end as good as any. */
function closeOf(socket: Socket): Promise<void> {
  socket.resume();
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** A server that ends each connection so, with a word. */
async function startEnding(t: Test, limits: StageLimits): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.write('no');
    endInStages(socket, limits);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

t.test('a client that says nothing more and stays is left', async (t) => {
  const port = await startEnding(t, { totalMs: 3_600_000, silentMs: 20 });
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const closed = closeOf(socket);
  await once(socket, 'end');
  // Its side is still open: only a reset tells that the other end is gone.
  const timer = setInterval(() => socket.write('x'), 30);
  t.teardown(() => clearInterval(timer));
  await closed;
  t.pass('closed');
});

t.test('a client that never stops is left, too', async (t) => {
  const port = await startEnding(t, { totalMs: 50, silentMs: 3_600_000 });
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const closed = closeOf(socket);
  const timer = setInterval(() => socket.write('x'), 5);
  t.teardown(() => clearInterval(timer));
  await closed;
  t.pass('closed');
});
