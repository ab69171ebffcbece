import { isIP } from 'node:net';
import type { Dispatcher, Agent as UndiciAgent } from 'undici';
import type { Limits, Timeouts, UpstreamConfig } from '../config/config.ts';
import { AddressRefused, createAllowedAddresses, createUpstreamAddresses } from './address-check.ts';
import { readAuthorities } from './authorities.ts';
import { type ConnectorOptions, createConnector, type OpenSocket } from './connector.ts';
import { Agent, Pool, ProxyAgent } from './undici.ts';

/**
 * Connections to one registry and what belongs to it, by role: a stalled storage host shall not use up what tokens and
 * manifests need. No pool holds credentials.
 */
export type Pools = {
  readonly registry: Dispatcher;
  /** For requests with a streamed body: they last as long as their client likes, and questions must not wait for that. */
  readonly uploads: Dispatcher;
  readonly tokenService: Dispatcher;
  /**
   * For blob bytes, whoever serves them: also the registry's own, where it does not redirect. Its bytes lie in recycled buffers: only
   * for who pins what it keeps (`startTransfer`), never for a body that is read as a stream.
   */
  readonly storage: Dispatcher;
  /** For documents that a registry keeps at storage hosts: manifests, lists. */
  readonly storedDocuments: Dispatcher;
  /** Ends every connection, also those in use. */
  close(): Promise<void>;
};

export type PoolsDeps = {
  readonly limits: Pick<Limits, 'upstreamConnections'>;
  readonly timeouts: Pick<Timeouts, 'connectSeconds' | 'headersSeconds' | 'commitSeconds' | 'idleSeconds'>;
  readonly lookup?: ConnectorOptions['lookup'];
  /** PEM, where `caFile` has been read already; otherwise it is read here. */
  readonly authorities?: string | undefined;
  /** Opens the sockets of the storage pool (blob bytes into pooled buffers). Unused behind an outbound proxy. */
  readonly openStorageSocket?: OpenSocket | undefined;
};

/** Bytes of an upstream's header section: room for a signed Location of 8 KiB and the fields around it. */
const MAX_HEADER_BYTES = 32 * 1024;

/** Origins one registry's pools may know at a time: Azure spreads one registry over some dozens of accounts. */
const MAX_ORIGINS = 512;

/**
 * @throws {AuthoritiesError}
 *
 * Behind an outbound proxy it is the proxy that resolves names and connects: only addresses written as literals are
 * still checked here, the rest is the proxy's own rules.
 */
export function createPools(upstream: UpstreamConfig, deps: PoolsDeps): Pools {
  const ca = deps.authorities ?? (upstream.caFile === null ? undefined : readAuthorities(upstream.caFile));
  const allowedPrivate = createAllowedAddresses(upstream.allowedPrivateAddresses);
  const connectTimeoutMs = deps.timeouts.connectSeconds * 1000;
  const common: UndiciAgent.Options = {
    // undici speaks HTTP/2 on TLS by default: all ranges of a blob would share one connection.
    allowH2: false,
    pipelining: 1,
    connections: deps.limits.upstreamConnections,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxOrigins: MAX_ORIGINS,
    headersTimeout: deps.timeouts.headersSeconds * 1000,
    bodyTimeout: deps.timeouts.idleSeconds * 1000,
    // Milliseconds: nginx and Azure close idle connections after 60 s and later; longer than that only races them.
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 55_000,
  };
  const open = (openSocket: OpenSocket | undefined): Dispatcher =>
    upstream.proxy === null
      ? new Agent({
          ...common,
          connect: createConnector({ allowedPrivate, ca, connectTimeoutMs, lookup: deps.lookup, openSocket }),
        })
      : createProxyPool(upstream.proxy, common, connectTimeoutMs, ca);
  const literals = createUpstreamAddresses(allowedPrivate);
  const guard = (dispatcher: Dispatcher): Dispatcher =>
    upstream.proxy === null ? dispatcher : dispatcher.compose(refuseLiterals((a) => literals.has(a)));

  const opened = {
    registry: open(undefined),
    uploads: open(undefined),
    tokenService: open(undefined),
    storage: open(deps.openStorageSocket),
    storedDocuments: open(undefined),
  };
  return {
    registry: guard(opened.registry),
    uploads: guard(opened.uploads),
    tokenService: guard(opened.tokenService),
    storage: guard(opened.storage),
    storedDocuments: guard(opened.storedDocuments),
    async close() {
      await Promise.all(Object.values(opened).map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function createProxyPool(
  uri: string,
  common: UndiciAgent.Options,
  connectTimeoutMs: number,
  ca: string | undefined,
): Dispatcher {
  const tls = {
    timeout: connectTimeoutMs,
    allowH2: false,
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  };
  return new ProxyAgent({
    ...common,
    uri,
    connectTimeout: connectTimeoutMs,
    requestTls: tls,
    // The proxy's own certificate: `caFile` may be about the upstream alone, so Node's authorities stay in force.
    proxyTls: { timeout: connectTimeoutMs, allowH2: false, rejectUnauthorized: true },
    // Plain http goes to the proxy in absolute form, and undici would open those pools without any limit of ours.
    factory: (origin, options) => new Pool(origin, Object.assign({ ...common }, options)),
  });
}

function refuseLiterals(isAllowed: (address: string) => boolean): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const { hostname } = new URL(String(options.origin));
    const address = hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && !isAllowed(address)) throw new AddressRefused(address, address);
    return dispatch(options, handler);
  };
}
