import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import type { Limits, ListenerConfig, Timeouts } from '../config/config.ts';
import type { ConnectionRefusal, Metrics, ServerLabel } from '../metrics/metrics.ts';
import { createAddressSet } from '../policy/address-set.ts';
import { clientAddress } from '../policy/client-address.ts';
import type { ClientLimits } from '../policy/client-limits.ts';
import type { Tracing } from '../trace/tracing.ts';
import { createCertificateStore } from './certificate-store.ts';
import { isCertified } from './client-authorities.ts';
import { type ClientErrorDeps, handleClientError, refuseConnect } from './client-error.ts';
import type { ClientExchange } from './client-exchange.ts';
import { beginExchange } from './client-exchange.ts';
import { createConnections } from './connections.ts';
import type { Handle } from './create-router.ts';
import { createRouter } from './create-router.ts';
import { describeError } from './describe-error.ts';
import { createHttpServer } from './http-server.ts';
import { limitRequests } from './limit-requests.ts';
import { createProxyProtocolServer } from './proxy-protocol-server.ts';
import type { RequestContext } from './request-context.ts';
import type { TimedResponse } from './timed-response.ts';

export type ListenerDeps = {
  readonly limits: Pick<Limits, 'connections' | 'headerBytes'>;
  readonly timeouts: Pick<Timeouts, 'idleSeconds' | 'requestHeadersSeconds'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly audit: Audit;
  /** Left out: off. */
  readonly tracing?: Tracing;
  /** Counts the connections and requests of each client; left out: nobody does. */
  readonly clientLimits?: Pick<ClientLimits, 'beginConnection' | 'takeRequest'>;
  /** Told when changed certificates were taken up (undefined), or why they were not. */
  readonly onCertificates?: (rejected: string | undefined) => void;
  /** What several processes need to listen on one port; left out: this one has it alone. */
  readonly shared?: SharedListener | undefined;
  /**
   * Puts the door and the registry of `context.host` into `context.access`, where there are such. Called for what goes no
   * further than the limit; others are for `handle` to name.
   */
  readonly nameDoor?: (context: RequestContext) => void;
  /** Answers what can be answered without waiting; false: it has done nothing, and `handle` is asked. Left out: nothing can be. */
  readonly answerAtOnce?: (exchange: ClientExchange) => boolean;
  /**
   * Answers one request, through `reply` or, after `reply.hijack()`, through `reply.raw`. The path is `request.raw.url`,
   * raw and in origin form; the body is `request.raw`, unread. A thrown `OciError` becomes the answer, anything else a
   * 500; after the header section is out both close the connection.
   */
  readonly handle: Handle;
};

export type SharedListener = {
  /** Bytes that the keys of TLS sessions are made from, so that they are resumed at whichever process a client comes to. */
  readonly tlsTicketKeys: Uint8Array;
};

export type Listener = {
  /** The leaf certificates served; empty for plain HTTP. */
  readonly certificates: readonly X509Certificate[];
  /** @throws where the address cannot be listened on; Node's message names it. */
  listen(): Promise<{ address: string; port: number }>;
  /**
   * Stops accepting, closes idle connections at once, lets running exchanges finish and cuts those that have not after
   * `withinMs`. Resolves when every connection is closed. May be called without `listen`.
   */
  drain(withinMs: number): Promise<void>;
  /**
   * Another configuration for the same socket, in force for the next connection once `commit` is called. Address, port,
   * `clientAddress` and whether there is TLS stay as they are.
   * @throws {CertificateError} where its certificates cannot be served
   */
  prepare(config: ListenerConfig, deps: ListenerSettings): Promise<PreparedListener>;
};

export type ListenerSettings = Pick<ListenerDeps, 'limits' | 'timeouts'>;

export type PreparedListener = {
  /** The leaf certificates that would be served. */
  readonly certificates: readonly X509Certificate[];
  commit(): void;
};

/** Connections that the system completes while the event loop is busy; Node's default of 511 drops a cluster's start. */
const BACKLOG_CONNECTIONS = 4096;

/** The server of one configured listener. @throws {CertificateError} where its certificates cannot be served. */
export async function createListener(initial: ListenerConfig, deps: ListenerDeps): Promise<Listener> {
  let config = initial;
  const { limits, timeouts, metrics, log, audit } = deps;
  let trustedProxies = createAddressSet(config.trustedProxies);
  const connections = createConnections();
  const certificates =
    config.tls === null
      ? undefined
      : createCertificateStore(config.tls, { log, now: Date.now, onChange: deps.onCertificates });
  const headerTimeoutMs = timeouts.requestHeadersSeconds * 1000;

  const clientErrorDeps: ClientErrorDeps = {
    connections,
    metrics,
    log,
    audit,
    // What can not be read does not tell whom a proxy speaks for, and the proxy is none of the clients.
    limit: (address) => (trustedProxies.has(address) ? undefined : limitRequests(address, deps)),
  };
  const server = createHttpServer({
    headerBytes: limits.headerBytes,
    headerTimeoutMs,
    certificates,
    listener: initial,
    tlsTicketKeys: deps.shared?.tlsTicketKeys,
  });
  server.setTimeout(timeouts.idleSeconds * 1000);
  server.on('timeout', (socket) => connections.endIdle(socket));
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    const scheme = config.tls === null ? 'http' : 'https';
    refuseConnect(request, socket, { ...clientErrorDeps, scheme });
  });
  server.on('secureConnection', (socket: TLSSocket) => connections.secure(socket));

  await createRouter(server, {
    scheme: config.tls === null ? 'http' : 'https',
    headerBytes: limits.headerBytes,
    begin,
    admit(context) {
      const refusal = limitRequests(context.clientAddress, deps);
      if (refusal !== undefined) deps.nameDoor?.(context);
      return refusal;
    },
    underWay: (exchange) => connections.of(exchange.socket)?.exchanges ?? new Set(),
    onRefused: (reason) => metrics.httpRefusedRequests.inc({ reason }),
    onClientError: (error, socket) => handleClientError(error, socket, clientErrorDeps),
    answerAtOnce: deps.answerAtOnce,
    handle: deps.handle,
  });

  const front = config.clientAddress === 'proxyProtocol' ? frontWithProxyProtocol() : server;
  if (front === server) {
    server.on('connection', (socket) => {
      connections.add(socket, certificates?.clientAuthorities());
      // A proxy's connections are the proxy's, and carry many clients.
      if (!trustedProxies.has(socket.remoteAddress ?? '')) countConnection(socket, socket.remoteAddress);
    });
  }
  front.maxConnections = limits.connections;
  front.on('drop', () => refuseConnection('connection_limit'));
  const forgetMetrics = [
    metrics.connectionsOpen.collect(() => [[{}, connections.size]]),
    metrics.httpRequestsInFlight.collect(() => countByServer(connections.exchanges())),
    metrics.tlsCertificateNotAfter.collect(() =>
      (certificates?.current().leaves ?? []).map((leaf) => [{}, Date.parse(leaf.validTo) / 1000] as const),
    ),
  ];

  function begin(
    request: IncomingMessage,
    response: TimedResponse,
    host: string | undefined,
  ): ClientExchange {
    const { socket, headers } = request;
    const connection = connections.of(socket);
    const proxyProtocolAddress = connection?.source?.address;
    const authorities = certificates?.clientAuthorities();
    const clientCertificate =
      socket instanceof TLSSocket && isCertified(socket, connection?.clientAuthorities, authorities);
    if (
      socket instanceof TLSSocket &&
      !clientCertificate &&
      connection?.clientAuthorities !== authorities &&
      socket.getPeerX509Certificate() !== undefined
    ) {
      // Whether what was shown counts by the authorities of now, only a handshake tells.
      response.shouldKeepAlive = false;
    }
    const evidence = { socketAddress: socket.remoteAddress ?? '', proxyProtocolAddress, headers };
    const facts = {
      clientAddress: clientAddress(config.clientAddress, trustedProxies, evidence),
      network: config.network,
      clientCertificate,
      host,
    };
    const exchange = beginExchange(request, response, facts, {
      log,
      metrics,
      audit,
      tracing: deps.tracing,
      onEnd: connections.end,
    });
    connections.begin(exchange);
    return exchange;
  }

  /** L3. Closed and not answered: the handshake alone costs more than the answer is worth. */
  function countConnection(socket: Socket, address: string | undefined): void {
    if (deps.clientLimits === undefined) return;
    const end = deps.clientLimits.beginConnection(address ?? '');
    if (end !== undefined) {
      socket.once('close', end);
      return;
    }
    refuseConnection('client_connection_limit', address);
    socket.destroy();
  }

  function refuseConnection(reason: ConnectionRefusal, client?: string): void {
    metrics.connectionsRefused.inc({ reason });
    // A flood would fill the disk at a higher level; the counter tells of it.
    log.debug({ client, failure: reason }, 'connection refused');
    if (reason !== 'connection_limit' && reason !== 'client_connection_limit' && reason !== 'tls_handshake') {
      audit.record({ reason: 'proxy_protocol', detail: reason, client, door: 'unknown' });
    }
  }

  function frontWithProxyProtocol(): Server {
    return createProxyProtocolServer(server, {
      isTrusted: (address) => trustedProxies.has(address),
      headerTimeoutMs,
      tls: config.tls !== null,
      onConnection: (socket) => connections.add(socket, certificates?.clientAuthorities()),
      onSource: (socket, source) => {
        const connection = connections.of(socket);
        if (connection !== undefined) connection.source = source;
        if (source !== undefined) countConnection(socket, source.address);
      },
      onRefused: (reason, socket) => refuseConnection(reason, socket.remoteAddress),
    });
  }

  return {
    get certificates() {
      return certificates?.current().leaves ?? [];
    },
    async listen() {
      const address = await listenOn(front, config, deps.shared !== undefined);
      // Accepting fails where file descriptors run out; unheard, that event would end the process.
      front.on('error', (error) => log.error({ error: describeError(error) }, 'connection not accepted'));
      // Node enforces headersTimeout only from the 'listening' event on; behind the PROXY protocol it never has one.
      if (front !== server) server.emit('listening');
      return address;
    },
    async drain(withinMs) {
      front.close();
      await connections.drain(withinMs);
      if (front !== server) server.close();
      for (const forget of forgetMetrics) forget();
    },
    async prepare(next, settings) {
      const prepared = next.tls === null ? undefined : await certificates?.prepare(next.tls);
      const proxies = createAddressSet(next.trustedProxies);
      return {
        certificates: prepared?.leaves ?? [],
        commit() {
          prepared?.commit();
          config = next;
          trustedProxies = proxies;
          front.maxConnections = settings.limits.connections;
          server.setTimeout(settings.timeouts.idleSeconds * 1000);
        },
      };
    },
  };
}

async function listenOn(server: Server, { address, port }: ListenerConfig, reusePort: boolean) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address, port, backlog: BACKLOG_CONNECTIONS, reusePort }, resolve);
  await promise;
  server.off('error', reject);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the listener has no port');
  return { address: bound.address, port: bound.port };
}

function countByServer(exchanges: Iterable<ClientExchange>) {
  const counts = new Map<ServerLabel, number>();
  for (const { context } of exchanges) {
    counts.set(context.access.door, (counts.get(context.access.door) ?? 0) + 1);
  }
  return [...counts].map(([server, count]) => [{ server }, count] as const);
}
