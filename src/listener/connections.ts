import { Socket } from 'node:net';
import type { ClientAuthorities } from './client-authorities.ts';
import type { ClientExchange } from './client-exchange.ts';
import { endInStages } from './end-in-stages.ts';
import type { ProxySource } from './proxy-protocol.ts';

/** One client connection, with TLS or without. */
export type Connection = {
  /** What an end of the connection is done to: the TLS socket, once there is one. */
  socket: Socket;
  /** By the PROXY protocol header; undefined without one. */
  source: ProxySource | undefined;
  /** In force when it was accepted. */
  readonly clientAuthorities: ClientAuthorities | undefined;
  readonly exchanges: Set<ClientExchange>;
  /** Its last answer is out: whatever comes is dropped, and it ends by itself. */
  isEnding: boolean;
};

export type Connections = {
  readonly size: number;
  add(socket: Socket, clientAuthorities?: ClientAuthorities): Connection;
  /** The TLS socket over a connection that was added before. */
  secure(socket: Socket): void;
  of(socket: Socket): Connection | undefined;
  begin(exchange: ClientExchange): void;
  readonly end: (exchange: ClientExchange) => void;
  exchanges(): Iterable<ClientExchange>;
  /** Nothing has moved on this socket for the idle timeout: ends it where it is the client that keeps us waiting. */
  endIdle(socket: Socket): void;
  /** See `Listener.drain`. */
  drain(withinMs: number): Promise<void>;
};

/** The connections of one listener, and how they end. */
export function createConnections(): Connections {
  const open = new Set<Connection>();
  const bySocket = new WeakMap<Socket, Connection>();
  // A TLS socket does not say over which socket it lies; both tell the same pair of addresses.
  const byAddresses = new Map<string, Connection>();
  let draining = false;
  let onEmpty: (() => void) | undefined;

  /** In place of Node's own end after an answer that says `Connection: close`. */
  function endSocket(this: Socket): void {
    const connection = bySocket.get(this);
    if (connection?.isEnding === true) return;
    const isRead = [...(connection?.exchanges ?? [])].every(({ request }) => request.complete);
    if (connection === undefined || isRead) {
      Socket.prototype.destroySoon.call(this);
      return;
    }
    connection.isEnding = true;
    endInStages(this);
  }

  function* exchanges(): Generator<ClientExchange> {
    for (const connection of open) yield* connection.exchanges;
  }

  return {
    get size() {
      return open.size;
    },
    add(socket, clientAuthorities) {
      const connection: Connection = {
        socket,
        source: undefined,
        clientAuthorities,
        exchanges: new Set(),
        isEnding: false,
      };
      const addresses = addressPair(socket);
      open.add(connection);
      bySocket.set(socket, connection);
      byAddresses.set(addresses, connection);
      socket.once('close', () => {
        open.delete(connection);
        for (const exchange of connection.exchanges) exchange.connectionClosed();
        if (byAddresses.get(addresses) === connection) byAddresses.delete(addresses);
        if (open.size === 0) onEmpty?.();
      });
      return connection;
    },
    secure(socket) {
      const connection = byAddresses.get(addressPair(socket));
      if (connection === undefined) {
        socket.destroy(); // its own connection has closed meanwhile
        return;
      }
      connection.socket = socket;
      bySocket.set(socket, connection);
    },
    of: (socket) => bySocket.get(socket),
    begin(exchange) {
      const { socket } = exchange;
      bySocket.get(socket)?.exchanges.add(exchange);
      socket.destroySoon = endSocket;
      if (draining) exchange.response.shouldKeepAlive = false;
    },
    end(exchange) {
      const connection = bySocket.get(exchange.socket);
      connection?.exchanges.delete(exchange);
      if (draining && connection?.exchanges.size === 0) connection.socket.destroySoon();
    },
    exchanges,
    endIdle(socket) {
      const [exchange] = bySocket.get(socket)?.exchanges ?? [];
      if (exchange === undefined) socket.destroy();
      // A client that only waits for its answer is not idle: the deadlines of the upstream side bound that.
      // Where its connection has been ended, no answer is to come.
      else if (!exchange.request.complete || socket.writableLength > 0 || socket.writableEnded)
        exchange.cut('idle_timeout');
    },
    async drain(withinMs) {
      draining = true;
      for (const connection of open) {
        if (connection.exchanges.size === 0 && !connection.isEnding) connection.socket.destroy();
      }
      // The client reads `Connection: close` where the header section is still to come.
      for (const { response } of exchanges()) response.shouldKeepAlive = false;
      if (open.size === 0) return;
      const empty = Promise.withResolvers<void>();
      onEmpty = empty.resolve;
      const deadline = setTimeout(() => {
        for (const exchange of exchanges()) exchange.cut('drain_deadline');
        for (const connection of open) connection.socket.destroy();
      }, withinMs);
      await empty.promise;
      clearTimeout(deadline);
    },
  };
}

function addressPair(socket: Socket): string {
  return [socket.remoteAddress, socket.remotePort, socket.localAddress, socket.localPort].join(' ');
}
