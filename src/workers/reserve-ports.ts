import { createServer, type Server } from 'node:net';

export type ReservedPort = { readonly address: string; readonly port: number };

/**
 * Finds out whether all of these can be listened on, and which ports they are where the system chooses. Workers share a port by
 * `SO_REUSEPORT`, by which another program of the same user could join in unnoticed: what is listened on without it is
 * this program's alone.
 *
 * @throws where one can not be; Node's error names it
 */
export async function reservePorts(
  listeners: readonly { readonly address: string; readonly port: number }[],
): Promise<readonly ReservedPort[]> {
  const servers: Server[] = [];
  const reserved: ReservedPort[] = [];
  try {
    for (const { address, port } of listeners) {
      const server = createServer((socket) => socket.destroy());
      servers.push(server);
      await listen(server, address, port);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') throw new Error('the listener has no port');
      reserved.push({ address: bound.address, port: bound.port });
    }
  } finally {
    await Promise.all(servers.map(close));
  }
  return reserved;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
