import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { endShort, resetConnection } from '../../src/blob/end-connection.ts';
import { createTestAuthority } from '../support/ca.ts';
import { closeServer, listen } from '../support/server.ts';

// libuv refuses to reset a connection whose end has begun and is not through; Node then closes it never, and says nothing.
for (const tls of [false, true]) {
  t.test(`a connection whose end has begun is closed by a reset, too, tls ${tls}`, async (t) => {
    const authority = await createTestAuthority();
    t.teardown(() => authority.remove());
    const leaf = await authority.issue(['localhost']);
    const { promise: answering, resolve } = Promise.withResolvers<ServerResponse>();
    const handle = (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': 100_000_000 });
      resolve(response);
    };
    const server = tls
      ? createHttpsServer({ cert: await readFile(leaf.certFile), key: await readFile(leaf.keyFile) }, handle)
      : createHttpServer(handle);
    const closed = new Promise((resolve) =>
      server.once('connection', (socket) => socket.once('close', resolve)),
    );
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const plain = connect(port, '127.0.0.1');
    const client = tls ? connectTls({ socket: plain, ca: authority.cert, servername: 'localhost' }) : plain;
    t.teardown(() => plain.destroy());
    client.on('error', () => undefined);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const response = await answering;
    response.write('begun');
    await once(client, 'data');
    // As Node does where the client ends: what the system does to it comes later.
    response.socket?.end();
    resetConnection(response);
    await closed;
    t.ok(response.destroyed, 'and the response knows');
  });
}

t.test(
  'an answer that is ended short and does not get through is left to the idle timeout, even where that was over',
  async (t) => {
    const { promise: answering, resolve } = Promise.withResolvers<ServerResponse>();
    const { promise: wasIdle, resolve: onIdle } = Promise.withResolvers<void>();
    const server = createHttpServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('begun');
      resolve(response);
    });
    server.setTimeout(50, (socket) => {
      if (socket.writableEnded) socket.destroy();
      else onIdle();
    });
    const closed = new Promise((onClosed) =>
      server.once('connection', (socket) => socket.once('close', onClosed)),
    );
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const client = connect(port, '127.0.0.1');
    t.teardown(() => client.destroy());
    client.on('error', () => undefined);
    client.resume();
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const response = await answering;
    await wasIdle;
    // As where the system's buffers are full of what the client does not read.
    Reflect.set(response.socket ?? {}, '_final', () => undefined);
    endShort(response);
    await closed;
    t.ok(response.destroyed);
  },
);
