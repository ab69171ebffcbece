import { connect } from 'node:net';
import t from 'tap';
import { until } from '../support/until.ts';
import { startListener } from './fixture.ts';

t.test(
  'a connection that was ended under its answer is closed when nothing moves on it any more',
  async (t) => {
    const { port, metrics, capture } = await startListener(t, {
      timeouts: { idleSeconds: 0.2 },
      handle: async (_request, reply) => {
        reply.hijack();
        reply.raw.writeHead(200, { 'content-length': 1000 });
        reply.raw.write('begun');
        // Ended short; the client never ends its own half.
        reply.raw.socket?.end();
      },
    });
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    t.teardown(() => client.destroy());
    client.on('error', () => undefined);
    client.resume();
    client.write('GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\n\r\n');
    await capture.messages('request');
    await until(async () => (await metrics.connectionsOpen.value({})) === 0, 'it is closed');
    t.pass('and so is its request');
  },
);
