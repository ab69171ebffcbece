import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { livePart } from '../../src/config/live-part.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configFile } from '../support/config-file.ts';

function load(): Config {
  const result = loadConfig({ text: JSON.stringify(configFile()), fileName: '/etc/berth.yaml', env: {} });
  if (result.kind !== 'ok') throw new Error('the configuration of the test is wrong');
  return result.config;
}

const inForce = load();

t.test('the same configuration is all in force', async (t) => {
  t.same(livePart(inForce, load()), { config: inForce, needRestart: [] });
});

t.test('registries, limits, deadlines and the log change', async (t) => {
  const wanted: Config = {
    ...inForce,
    registries: inForce.registries.map((registry) => ({ ...registry, push: false })),
    limits: { ...inForce.limits, connections: 7, transfersPerClient: 1 },
    timeouts: { ...inForce.timeouts, idleSeconds: 7 },
    log: { level: 'debug' },
    ticket: { keyFile: '/other.keys', lifetimeSeconds: 60 },
  };
  t.same(livePart(inForce, wanted), { config: wanted, needRestart: [] });
});

t.test('what was allotted at the start stays and is named', async (t) => {
  const wanted: Config = {
    ...inForce,
    stateDirectory: '/var/lib/berth',
    metrics: null,
    admin: { socket: '/run/berth.sock' },
    audit: { file: '/var/log/audit.jsonl' },
    cache: { ...inForce.cache, memoryMaxBytes: 1 },
    limits: { ...inForce.limits, headerBytes: 8192, bufferBytes: 4_194_304, tokenBytes: 1024 },
    timeouts: { ...inForce.timeouts, requestHeadersSeconds: 1 },
  };
  const { config, needRestart } = livePart(inForce, wanted);
  t.same(config, { ...inForce, limits: { ...inForce.limits, tokenBytes: 1024 } });
  t.same([...needRestart].toSorted(), [
    'admin',
    'audit.file',
    'cache.memoryMaxBytes',
    'limits.bufferBytes',
    'limits.headerBytes',
    'metrics',
    'stateDirectory',
    'timeouts.requestHeadersSeconds',
  ]);
});

t.test('listeners: certificates and proxies change, sockets do not', async (t) => {
  const tls = { certificates: [{ cert: '/a.crt', key: '/a.key' }], clientCaFile: null };
  const [listener] = inForce.listeners;
  if (listener === undefined) throw new Error('no listener');
  const open: Config = { ...inForce, listeners: [{ ...listener, tls }] };
  const renamed = { ...tls, certificates: [{ cert: '/b.crt', key: '/b.key' }] };
  const trustedProxies = ['192.0.2.0/24'];
  const change = (to: Partial<typeof listener>): Config => ({
    ...open,
    listeners: [{ ...listener, tls, ...to }],
  });
  const fine = change({ tls: renamed, trustedProxies });
  t.same(livePart(open, fine), { config: fine, needRestart: [] });
  const rows: readonly (readonly [Config, string])[] = [
    [change({ port: 1 }), 'listeners[0].port'],
    [change({ address: '192.0.2.1' }), 'listeners[0].address'],
    [change({ clientAddress: 'proxyProtocol' }), 'listeners[0].clientAddress'],
    [change({ tls: null }), 'listeners[0].tls'],
    [change({ tls: { ...tls, clientCaFile: '/ca.pem' } }), 'listeners[0].tls.clientCaFile'],
    [{ ...open, listeners: [...open.listeners, listener] }, 'listeners'],
    [{ ...open, listeners: [] }, 'listeners'],
  ];
  for (const [wanted, path] of rows) {
    const { config, needRestart } = livePart(open, wanted);
    t.same(needRestart, [path]);
    t.same(config, open, path);
  }
});
