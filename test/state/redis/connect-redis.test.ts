import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { createConnectRedis } from '../../../src/state/redis/connect-redis.ts';

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
    const passwordFile = join(t.testdir(), 'password');
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
