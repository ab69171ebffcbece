import { createServer } from 'node:net';
import t from 'tap';
import { createApp } from '../src/app.ts';
import { createLogger } from '../src/log.ts';
import { generateTicketKeys } from '../src/ticket/ticket-keys.ts';
import { refusedPort } from './support/broken-upstream.ts';
import { configFile, loaded } from './support/config-file.ts';

t.test('start opens all listeners, or none', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const address = taken.address();
  const takenPort = typeof address === 'object' && address !== null ? address.port : 0;
  const free = await refusedPort();
  const config = {
    ...loaded(configFile()),
    metrics: null,
    admin: null,
    stateDirectory: null,
    listeners: [free, takenPort].map((port) => ({
      address: '127.0.0.1',
      port,
      network: 'public' as const,
      clientAddress: 'socket' as const,
      trustedProxies: [],
      tls: null,
    })),
  };
  const app = await createApp(config, {
    log: createLogger({ level: 'silent' }),
    ticketKeys: generateTicketKeys(),
  });
  await t.rejects(app.start(), { code: 'EADDRINUSE' });
  const again = createServer();
  await new Promise<void>((resolve, reject) => {
    again.once('error', reject);
    again.listen(free, '127.0.0.1', resolve);
  });
  t.pass('the first port is free again');
  again.close();
  await app.stop();
});
