import t from 'tap';
import { complete } from '../../src/config/complete.ts';
import { CONFIG_SCHEMA } from '../../src/config/schema.ts';

t.test('defaults are filled in, in lists too, and sizes become bytes', async (t) => {
  const value = {
    listeners: [{ port: 1 }],
    registries: [{ name: 'a', upstream: {} }],
    log: { level: 'warn' },
  };
  t.match(complete(CONFIG_SCHEMA, value), {
    listeners: [
      { address: '::', port: 1, network: 'public', clientAddress: 'socket', trustedProxies: [], tls: null },
    ],
    metrics: { address: '::', port: 9464 },
    ticket: { keyFile: '/etc/berth/ticket.keys', lifetimeSeconds: 1200 },
    cache: { memoryMaxBytes: 256 * 2 ** 20 },
    limits: { manifestBytes: 4 * 2 ** 20 },
    log: { level: 'warn' },
    registries: [{ name: 'a', push: true, upstream: { tokenHosts: [], auth: null }, clients: null }],
  });
  t.same(value.registries, [{ name: 'a', upstream: {} }], 'the given value is left as it is');
});

t.test('null stays null', async (t) => {
  t.match(complete(CONFIG_SCHEMA, { metrics: null }), { metrics: null });
});

t.test('a default is never shared between two results', async (t) => {
  t.not(complete(CONFIG_SCHEMA, {}), complete(CONFIG_SCHEMA, {}));
});
