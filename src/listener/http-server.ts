import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ListenerConfig } from '../config/config.ts';
import { createServer } from '../system/node-http.ts';
import type { CertificateStore } from './certificate-store.ts';
import { sessionKeys } from './session-keys.ts';
import { TimedResponse } from './timed-response.ts';
import { tlsOptions } from './tls.ts';

export type HttpServerOptions = {
  /** Bytes that a header section may have. */
  readonly headerBytes: number;
  /** Milliseconds for a header section, and for a handshake. */
  readonly headerTimeoutMs: number;
  /** What TLS is served by; left out: none is. */
  readonly certificates: CertificateStore | undefined;
  /** Whose sessions are resumed; see `sessionKeys`. */
  readonly listener: Pick<ListenerConfig, 'address' | 'port'>;
  /** See `SharedListener`; left out: this process's sessions are its own. */
  readonly tlsTicketKeys: Uint8Array | undefined;
};

/** Longer than load balancers keep idle connections (60 s is common), so that it is they who close them, not we. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Node's HTTP or HTTPS server, its limits set, whose certificates follow their store. */
export function createHttpServer({
  headerBytes,
  headerTimeoutMs,
  certificates,
  listener,
  tlsTicketKeys,
}: HttpServerOptions): HttpServer<typeof IncomingMessage, typeof TimedResponse> {
  const options = {
    ServerResponse: TimedResponse,
    maxHeaderSize: headerBytes,
    headersTimeout: headerTimeoutMs,
    requestTimeout: 0, // uploads may take hours; a body that stands still ends by the socket's timeout
    // Node looks for late header sections this often (30 s if not told): a tenth of the limit late is near enough.
    connectionsCheckingInterval: Math.max(100, headerTimeoutMs / 10),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requireHostHeader: false, // Node would answer that 400 itself, without a document, log line or count
  };
  if (certificates === undefined) return createServer(options);
  const server = createTlsServer({ ...options, ...tlsOptions(certificates.current, headerTimeoutMs) });
  // Node makes keys of its own for each server, and with each context anew.
  const share = (): void => {
    if (tlsTicketKeys === undefined) return;
    server.setTicketKeys(sessionKeys(tlsTicketKeys, listener, certificates.clientAuthorities()));
  };
  share();
  certificates.onReload((reloaded) => {
    server.setSecureContext(reloaded);
    share();
  });
  return server;
}
