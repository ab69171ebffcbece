import type { Server } from 'node:http';

import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';

/** Listens on a free loopback port until the test ends; gives the origin, such as `http://127.0.0.1:41234`. */
export async function listen(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}`;
}

/** As `listen`, for a Fastify instance. */
export async function listenFastify(t: Test, app: FastifyInstance): Promise<string> {
  t.teardown(() => app.close());
  return app.listen({ port: 0, host: '127.0.0.1' });
}
