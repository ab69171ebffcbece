import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import t from 'tap';
import { createConnectRedis } from '../../../src/state/redis/connect-redis.ts';
import { createTestAuthority } from '../../support/ca.ts';
import { testDirectory } from '../../support/test-directory.ts';

t.test(
  'what a server says of a command that it does not know is told without the password in it',
  async (t) => {
    const password = 'correct-horse-battery';
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // As a server before Redis 6, or one whose AUTH was renamed, and a proxy that knows neither.
      socket.on('data', () =>
        socket.write(`-ERR unknown command \`AUTH\`, with args beginning with: \`${password}\`\r\n`),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const passwordFile = join(testDirectory(t), 'password');
    await writeFile(passwordFile, `${password}\n`);
    const connect = createConnectRedis({
      url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
      passwordFile,
      caFile: null,
      connectTimeoutMs: 5_000,
    });
    const error = await connect(() => undefined).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof Error)) throw new Error('it was taken for a Redis');
    t.match(error.message, /unknown command/);
    t.notMatch(error.message, password);
    t.equal(error.cause, undefined, 'nor in what it came from');
  },
);

t.test('the name of the host is said in the handshake: behind one address there may be many', async (t) => {
  const authority = await createTestAuthority();
  const { certFile, keyFile } = await authority.issue(['localhost']);
  const names: unknown[] = [];
  const server = createTlsServer(
    { cert: await readFile(certFile), key: await readFile(keyFile) },
    (socket) => {
      names.push(socket.servername);
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('+PONG\r\n'));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    await authority.remove();
  });
  const connect = createConnectRedis({
    url: `rediss://localhost:${(server.address() as AddressInfo).port}`,
    passwordFile: null,
    caFile: authority.caFile,
    connectTimeoutMs: 5_000,
  });
  const client = await connect(() => undefined);
  client.destroy();
  t.strictSame(names, ['localhost']);
});

t.test('user, password and database are said before anything else is asked', async (t) => {
  const said: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      said.push(chunk.toString());
      socket.write('+OK\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const passwordFile = join(testDirectory(t), 'password');
  await writeFile(passwordFile, 'correct horse\nbattery\n');
  const { port } = server.address() as AddressInfo;
  for (const url of [`redis://user%40home@127.0.0.1:${port}/7`, `redis://127.0.0.1:${port}`]) {
    const connect = createConnectRedis({ url, passwordFile, caFile: null, connectTimeoutMs: 5_000 });
    (await connect(() => undefined)).destroy();
  }
  t.strictSame(said, [
    '*3\r\n$4\r\nAUTH\r\n$9\r\nuser@home\r\n$13\r\ncorrect horse\r\n',
    '*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n',
    '*1\r\n$4\r\nPING\r\n',
    '*2\r\n$4\r\nAUTH\r\n$13\r\ncorrect horse\r\n',
    '*1\r\n$4\r\nPING\r\n',
  ]);
});
