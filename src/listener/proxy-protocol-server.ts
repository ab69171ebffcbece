import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { ConnectionRefusal } from '../metrics/metrics.ts';
import type { ProxySource } from './proxy-protocol.ts';
import { parseProxyHeader } from './proxy-protocol.ts';

export type ProxyProtocolOptions = {
  /** Whether the peer's word is taken; everybody else's connection is closed. */
  readonly isTrusted: (address: string) => boolean;
  /** For the whole header to arrive. */
  readonly headerTimeoutMs: number;
  /** True where the server behind speaks TLS. */
  readonly tls: boolean;
  /** The connection came; before its header. */
  readonly onConnection: (socket: Socket) => void;
  /** The header is in; `source` is undefined where the proxy speaks for itself (health checks). */
  readonly onSource: (socket: Socket, source: ProxySource | undefined) => void;
  readonly onRefused: (reason: ConnectionRefusal, socket: Socket) => void;
};

/**
 * A TCP server that takes the PROXY protocol header off each connection and hands the socket over to `behind`, an HTTP
 * or HTTPS server that never listens itself. The header comes before TLS, so this cannot be done inside either.
 */
export function createProxyProtocolServer(behind: Server, options: ProxyProtocolOptions): Server {
  return createServer((socket) => {
    options.onConnection(socket);
    if (!options.isTrusted(socket.remoteAddress ?? '')) {
      options.onRefused('proxy_protocol_untrusted', socket);
      socket.destroy();
      return;
    }
    takeHeader(socket, options, (source) => {
      options.onSource(socket, source);
      behind.emit('connection', socket);
      // A TLS socket reads what was put back from a paused socket by itself; flowing, a ClientHello that came in the
      // header's own segment would be lost to nobody's listener. HTTP's parser waits for a flowing one.
      if (!options.tls) socket.resume();
    });
  });
}

function takeHeader(
  socket: Socket,
  { headerTimeoutMs, onRefused }: ProxyProtocolOptions,
  handOver: (source: ProxySource | undefined) => void,
): void {
  let received: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => refuse('proxy_protocol_timeout'), headerTimeoutMs);
  socket.on('data', onData);
  socket.on('error', ignoreError);
  socket.on('close', stop);

  function stop(): void {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('error', ignoreError);
    socket.off('close', stop);
  }

  function refuse(reason: ConnectionRefusal): void {
    stop();
    onRefused(reason, socket);
    socket.destroy();
  }

  function onData(chunk: Buffer): void {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const header = parseProxyHeader(received);
    if (header.kind === 'incomplete') return;
    if (header.kind === 'invalid') {
      refuse('proxy_protocol_malformed');
      return;
    }
    stop();
    socket.pause();
    if (header.length < received.length) socket.unshift(received.subarray(header.length));
    handOver(header.source);
  }
}

/** A reset before the header is worth no more than the close that follows it. */
function ignoreError(): void {}
