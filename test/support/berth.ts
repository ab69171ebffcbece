import { type App, createApp } from '../../src/app.ts';
import type { ResumeLimits } from '../../src/blob/resume.ts';
import type { Config, RegistryConfig, UpstreamConfig } from '../../src/config/config.ts';
import { dataEndpointHost } from '../../src/endpoints/endpoints.ts';
import { createLogger } from '../../src/log.ts';
import { generateTicketKeys, type TicketKeys } from '../../src/ticket/ticket-keys.ts';
import type { ProbeTimings } from '../../src/upstream/regional/start-probes.ts';
import type { TestAuthority } from './ca.ts';
import { TEST_LIMITS, TEST_TIMEOUTS } from './config-defaults.ts';
import { createTestClient, type TestClient, type TestResponse } from './http-client.ts';
import { type Lookup, loopbackLookup } from './lookup.ts';

export type TestBerth = {
  readonly app: App;
  readonly config: Config;
  /** Port of the first listener, on loopback. */
  readonly port: number;
  /** Of all listeners, in their order. */
  readonly ports: readonly number[];
  readonly ticketKeys: TicketKeys;
  /** Names of Berth lead to its listener (the URLs carry no port), all others to the port of their URL on loopback. */
  readonly client: TestClient;
  /** Every log line so far, parsed. */
  readonly log: Record<string, unknown>[];
  /** `/metrics` as it is answered to these fields. */
  scrape(headers?: Record<string, string>): Promise<TestResponse>;
  /** The whole of `/metrics`. */
  metrics(): Promise<string>;
  /** Sum of a metric's series with these labels; 0 where there is none. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** Whether a hostname is one of Berth's own. */
  owns(hostname: string): boolean;
  close(): Promise<void>;
};

export type TestBerthOptions = {
  readonly authority: TestAuthority;
  readonly registries: readonly RegistryConfig[];
  /** Replaces whole fields of the configuration. */
  readonly config?: Partial<Config>;
  /** False: a plain listener. */
  readonly tls?: boolean;
  /** Client certificates of the same authority are asked for. */
  readonly clientCertificates?: boolean;
  /** Shared by replicas; default: keys of its own. */
  readonly ticketKeys?: TicketKeys;
  readonly lookup?: Lookup;
  /** See `AppDeps.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: as many tries as usual, with next to no waits. */
  readonly resumeLimits?: Partial<ResumeLimits>;
  /** Of probes of regions. */
  readonly regionTimings?: Partial<ProbeTimings>;
};

/** The fields of a cache that keeps no blobs. */
export const NO_BLOB_CACHE = {
  directory: null,
  maxBytes: 1024 ** 3,
  minFreeBytes: 0,
  pieceBytes: 1024 * 1024,
  store: null,
};

/** Starts the whole application in this process, on loopback, with a certificate for all of its names. */
export async function startBerth(options: TestBerthOptions): Promise<TestBerth> {
  const { authority, registries } = options;
  const names = new Set(registries.flatMap(namesOf));
  const [first = 'localhost', ...others] = names;
  const { certFile: cert, keyFile: key } = await authority.issue([first, ...others]);
  const config: Config = {
    workers: 1,
    listeners: [
      {
        address: '127.0.0.1',
        port: 0,
        network: 'public',
        clientAddress: 'socket',
        trustedProxies: [],
        tls:
          options.tls === false
            ? null
            : {
                certificates: [{ cert, key }],
                clientCaFile: options.clientCertificates === true ? authority.caFile : null,
              },
      },
    ],
    stateDirectory: null,
    metrics: { address: '127.0.0.1', port: 0 },
    readiness: { stuckSeconds: 60 },
    console: null,
    admin: null,
    ticket: { keyFile: null, lifetimeSeconds: 1200 },
    cache: { memoryMaxBytes: 16 * 1024 * 1024, ...NO_BLOB_CACHE },
    state: null,
    limits: TEST_LIMITS,
    timeouts: TEST_TIMEOUTS,
    log: { level: 'info' },
    audit: { file: null },
    registries,
    ...options.config,
  };
  const log: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) };
  const ticketKeys = options.ticketKeys ?? generateTicketKeys();
  const app = await createApp(config, {
    log: createLogger({ level: config.log.level, destination }),
    ticketKeys,
    lookup: options.lookup ?? loopbackLookup,
    resumeLimits: options.resumeLimits ?? { baseDelayMs: 2, maxDelayMs: 10 },
    ...(options.env && { env: options.env }),
    ...(options.regionTimings && { regionTimings: options.regionTimings }),
  });
  const started = await app.start();
  const port = started.listeners[0]?.port ?? 0;
  const owns = (hostname: string) => names.has(hostname);
  const client = createTestClient({
    ca: authority.cert,
    route: (hostname, wanted) => ({ address: '127.0.0.1', port: owns(hostname) ? port : wanted }),
  });
  const scrape = async (headers = {}): Promise<TestResponse> => {
    if (!started.metrics) throw new Error('this Berth was started without its metrics listener');
    return client.send(`http://127.0.0.1:${started.metrics.port}/metrics`, { headers });
  };
  const metrics = async (): Promise<string> => (await scrape()).body.toString();
  return {
    app,
    config,
    port,
    ports: started.listeners.map((listener) => listener.port),
    ticketKeys,
    client,
    log,
    owns,
    scrape,
    metrics,
    metric: async (name, labels = {}) => sumOfSeries(await metrics(), name, labels),
    async close() {
      client.close();
      await app.stop();
    },
  };
}

/** A registry's configuration with the defaults of the tests: ACR-like, `dedicated`, one region, pushes allowed. */
export function testRegistry(
  overrides: Omit<Partial<RegistryConfig>, 'upstream'> & {
    readonly upstream: Partial<UpstreamConfig> & { readonly url: string };
    /** Ports of the storage hosts `*.blob.core.windows.net` that redirects may name: emulators listen where there is room. */
    readonly storagePorts?: readonly number[];
  },
): RegistryConfig {
  const { upstream, storagePorts = [], ...rest } = overrides;
  return {
    name: 'contoso',
    loginServer: 'contoso.registry.example',
    aliases: [],
    scheme: 'https',
    namespaces: [],
    delivery: 'dedicated',
    rollout: { clients: [], percent: 100 },
    push: true,
    dataEndpoint: '{registry}.{region}.data.registry.example',
    redirectHosts: ['', ...storagePorts.map((port) => `:${port}`)].map((port) => ({
      host: `*.blob.core.windows.net${port}`,
      pathPattern: null,
    })),
    regions: [{ name: 'eastus', match: ['eus*.blob.core.windows.net'], upstream: null, clients: [] }],
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
    upstream: {
      tokenHosts: [],
      caFile: null,
      proxy: null,
      auth: null,
      allowedPrivateAddresses: ['127.0.0.0/8'],
      limits: { concurrency: 100, requestsPerMinute: null, queueLength: 1000, queueSeconds: 10 },
      ...upstream,
    },
  };
}

function namesOf(registry: RegistryConfig): string[] {
  const data =
    registry.dataEndpoint === null
      ? []
      : registry.regions.map(({ name }) => dataEndpointHost(registry, name));
  return [registry.loginServer, ...registry.aliases, ...data].map((host) => host.replace(/:\d+$/, ''));
}

function sumOfSeries(text: string, name: string, labels: Record<string, string>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of text.split('\n')) {
    const [, series, shown = '', value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (series === name && wanted.every((label) => shown.includes(label))) sum += Number(value);
  }
  return sum;
}
