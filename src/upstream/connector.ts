import { lookup as dnsLookup } from 'node:dns';
import { connect as connectTcp, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { buildConnector } from 'undici';
import { atMost } from '../system/at-most.ts';
import {
  AddressRefused,
  type AllowedAddresses,
  checkedLookup,
  createUpstreamAddresses,
} from './address-check.ts';

/** What a socket is opened with: TLS options are there where `protocol` says so. */
export type SocketOptions = TcpNetConnectOpts & ConnectionOptions & { host: string; port: number };

/** Opens the socket; whoever replaces it keeps every option given (lookup, certificate checks) and may add own ones. */
export type OpenSocket = (protocol: 'http:' | 'https:', options: SocketOptions) => Socket;

export type ConnectorOptions = {
  /** What may be connected to beyond the public internet. */
  readonly allowedPrivate: AllowedAddresses;
  /** PEM; in place of the authorities that Node trusts. */
  readonly ca?: string | undefined;
  /** Milliseconds for name, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly lookup?: typeof dnsLookup | undefined;
  readonly openSocket?: OpenSocket | undefined;
};

/**
 * undici's connector with the address decided at the only moment when it can not change any more, three times over,
 * because each misses what another sees: literals never reach a lookup, a lookup can be answered differently the
 * next time, and `remoteAddress` is known only after packets went out.
 *
 * Certificates are always verified; there is no option to turn that off.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const allowed = createUpstreamAddresses(options.allowedPrivate);
  const lookup = checkedLookup(options.lookup ?? dnsLookup, allowed);
  const openSocket = options.openSocket ?? openPlainSocket;
  // Resumed sessions save a signature per connection; a hundred names are more than one registry's storage has at once.
  const sessions = new LRUCache<string, Buffer>(atMost(100));

  return ({ hostname, protocol, port, servername }, callback) => {
    const secure = protocol === 'https:';
    if (isIP(hostname) !== 0 && !allowed.has(hostname)) {
      queueMicrotask(() => callback(new AddressRefused(hostname, hostname), null));
      return;
    }
    const portNumber = Number(port) || (secure ? 443 : 80);
    const name = servername || (isIP(hostname) === 0 ? hostname : '');
    const sessionKey = `${name || hostname}:${portNumber}`;
    const session = secure ? sessions.get(sessionKey) : undefined;
    const socket = openSocket(secure ? 'https:' : 'http:', {
      host: hostname,
      port: portNumber,
      lookup,
      noDelay: true,
      keepAlive: true,
      // Milliseconds: below the four minutes after which Azure's load balancers forget a silent connection.
      keepAliveInitialDelay: 60_000,
      ...(secure && {
        servername: name,
        ALPNProtocols: ['http/1.1'],
        minVersion: 'TLSv1.2' as const,
        rejectUnauthorized: true,
        ...(options.ca !== undefined && { ca: options.ca }),
        ...(session !== undefined && { session }),
      }),
    });
    if (secure) socket.on('session', (fresh: Buffer) => sessions.set(sessionKey, fresh));
    const settle = onceSettled(socket, options.connectTimeoutMs, callback);
    // As soon as there is a peer, before it is told anything.
    socket.once('connect', () => refuseWrongPeer(socket, hostname, allowed));
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      refuseWrongPeer(socket, hostname, allowed);
      if (!socket.destroyed) settle(null);
    });
    socket.on('error', settle);
    socket.once('close', () => settle(new ConnectFailure('ECONNRESET', `${hostname} closed the connection`)));
  };
}

/** Calls back once, whichever comes first: ready, an error, or the deadline. */
function onceSettled(
  socket: Socket,
  timeoutMs: number,
  callback: buildConnector.Callback,
): (error: Error | null) => void {
  let settled = false;
  const settle = (error: Error | null): void => {
    if (settled) return;
    settled = true;
    clearTimeout(deadline);
    if (error === null) callback(null, socket);
    else callback(error, null);
  };
  const deadline = setTimeout(() => {
    const error = new ConnectFailure('ETIMEDOUT', `no connection within ${timeoutMs} ms`);
    socket.destroy(error);
    settle(error);
  }, timeoutMs);
  return settle;
}

/** Node's own code: undici takes a connection error that is called UND_ERR_SOCKET for one to try again for ever. */
class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure';
  readonly code: 'ETIMEDOUT' | 'ECONNRESET';
  constructor(code: 'ETIMEDOUT' | 'ECONNRESET', message: string) {
    super(message);
    this.code = code;
  }
}

const openPlainSocket: OpenSocket = (protocol, options) =>
  protocol === 'https:' ? connectTls(options) : connectTcp(options);

function refuseWrongPeer(socket: Socket, hostname: string, allowed: AllowedAddresses): void {
  const peer = socket.remoteAddress;
  // Undefined: closed again already, and an error follows by itself.
  if (peer !== undefined && !allowed.has(peer)) socket.destroy(new AddressRefused(hostname, peer));
}
