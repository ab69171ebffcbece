import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Test } from 'tap';
import type { Limits, RegistryConfig, Timeouts } from '../../src/config/config.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import {
  createUpstreamRegistry,
  type UpstreamRegistry,
  type UpstreamRegistryDeps,
} from '../../src/upstream/upstream-registry.ts';

/** What of a tap test these need. */
type Teardown = Pick<Test, 'teardown'>;

export type Origin = {
  readonly url: string;
  readonly host: string;
  readonly port: number;
};

/** Listens on a free port of 127.0.0.1 (or `address`) and closes with the test. */
export async function serve(t: Teardown, listener: RequestListener, address = '127.0.0.1'): Promise<Origin> {
  return listen(t, createServer(listener), 'http', address);
}

export async function serveTls(
  t: Teardown,
  tls: { cert: string; key: string },
  listener: RequestListener,
): Promise<Origin> {
  return listen(t, createTlsServer(tls, listener), 'https', '127.0.0.1');
}

/** A peer below HTTP: silent, cut, garbage. */
export async function serveRaw(t: Teardown, onSocket: (socket: Socket) => void): Promise<Origin> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listen(t, server, 'http', '127.0.0.1');
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const port = portOf(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

async function listen(
  t: Teardown,
  server: Server | TcpServer,
  scheme: 'http' | 'https',
  address: string,
): Promise<Origin> {
  await new Promise<void>((resolve) => {
    server.listen(0, address, resolve);
  });
  t.teardown(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  const port = portOf(server);
  return { url: `${scheme}://${address}:${port}`, host: `${address}:${port}`, port };
}

function portOf(server: Server | TcpServer): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const LIMITS: Pick<Limits, 'upstreamConnections' | 'tokenBytes'> = {
  upstreamConnections: 8,
  tokenBytes: 16 * 1024,
};

export const TIMEOUTS: Pick<Timeouts, 'connectSeconds' | 'headersSeconds' | 'commitSeconds' | 'idleSeconds'> =
  {
    connectSeconds: 5,
    headersSeconds: 5,
    commitSeconds: 30,
    idleSeconds: 5,
  };

/** A registry configuration around an upstream, loopback allowed. */
export function registryConfig(
  url: string,
  changes: Partial<Omit<RegistryConfig, 'upstream'>> & {
    upstream?: Partial<RegistryConfig['upstream']>;
  } = {},
): RegistryConfig {
  const { upstream, ...rest } = changes;
  return {
    name: 'test',
    loginServer: 'registry.test',
    aliases: [],
    scheme: 'https',
    upstream: {
      url,
      tokenHosts: [],
      caFile: null,
      proxy: null,
      auth: null,
      allowedPrivateAddresses: ['127.0.0.0/8'],
      limits: { concurrency: 100, requestsPerMinute: null, queueLength: 100, queueSeconds: 10 },
      ...upstream,
    },
    namespaces: [],
    delivery: 'inline',
    rollout: { clients: [], percent: 100 },
    push: true,
    dataEndpoint: null,
    redirectHosts: [],
    regions: [],
    homeRegion: null,
    serveRegions: 'all',
    replicationSeconds: 300,
    authorizationTtlSeconds: 60,
    staleIfErrorSeconds: 0,
    publicProbe: true,
    publicNetworkAccess: true,
    networkRules: { defaultAction: 'allow', ipRules: [] },
    rules: { repositories: [] },
    clients: null,
    ...rest,
  };
}

export type UpstreamUnderTest = UpstreamRegistry & {
  readonly metrics: ReturnType<typeof createMetrics>;
};

export function openUpstream(
  t: Teardown,
  config: RegistryConfig,
  deps: Partial<UpstreamRegistryDeps> = {},
): UpstreamUnderTest {
  const metrics = createMetrics();
  const upstream = createUpstreamRegistry(config, {
    limits: LIMITS,
    timeouts: TIMEOUTS,
    metrics,
    ...deps,
  });
  t.teardown(() => upstream.close());
  return Object.assign(upstream, { metrics });
}

/** A signal that never aborts. */
export function patient(): AbortSignal {
  return new AbortController().signal;
}

/** What a promise that must fail fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}
