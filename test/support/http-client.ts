import { once } from 'node:events';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export type TestResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** `short`: the peer ended (FIN) before the announced length; `reset`: it reset the connection (RST). */
  readonly ended: 'complete' | 'short' | 'reset';
};

export type TestRequest = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  /** In place of `body`: sent chunk by chunk, as fast as the peer takes it. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Raw request target in place of the URL's own, for paths that a URL parser would tidy up. */
  readonly target?: string;
  /** Told once, with the header section. */
  readonly onAnswered?: () => void;
  /** Hangs up after this many body bytes. */
  readonly hangUpAfterBytes?: number;
  /** Hangs up when this resolves. */
  readonly hangUpWhen?: Promise<void>;
};

export type TestClient = {
  /** One request; redirects are not followed. */
  send(url: string, request?: TestRequest): Promise<TestResponse>;
  close(): void;
};

/**
 * A plain HTTP/1.1 client. `route` plays resolver and firewall: it says where a name and port lead to, or throws.
 * Default: the port of the URL on loopback, whatever the name.
 */
export function createTestClient(options: {
  readonly ca?: string;
  /** The client's own certificate. */
  readonly identity?: { readonly cert: string; readonly key: string };
  readonly route?: (hostname: string, port: number) => { address: string; port: number };
}): TestClient {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({
      keepAlive: true,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.identity && { cert: options.identity.cert, key: options.identity.key }),
    }),
  };
  const route = options.route ?? ((_hostname: string, port: number) => ({ address: '127.0.0.1', port }));
  return {
    send: (text, wanted = {}) =>
      new Promise((resolve, reject) => {
        const url = new URL(text);
        const secure = url.protocol === 'https:';
        const where = route(url.hostname, Number(url.port || (secure ? 443 : 80)));
        let reset = false;
        let answered = false;
        const outgoing = (secure ? httpsRequest : httpRequest)({
          agent: agents[secure ? 'https:' : 'http:'],
          host: where.address,
          port: where.port,
          servername: url.hostname,
          method: wanted.method ?? 'GET',
          path: wanted.target ?? `${url.pathname}${url.search}`,
          headers: { host: url.host, ...wanted.headers },
        });
        outgoing.on('response', (response) => {
          answered = true;
          wanted.onAnswered?.();
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size >= (wanted.hangUpAfterBytes ?? Infinity)) outgoing.destroy();
          });
          // The response's own error is "aborted" for FIN and RST alike; the request's error tells them apart.
          response.on('error', () => {});
          response.on('close', () => {
            const ended = response.complete ? 'complete' : reset ? 'reset' : 'short';
            const { statusCode: status = 0, headers } = response;
            resolve({ status, headers, body: Buffer.concat(chunks), ended });
          });
        });
        outgoing.on('error', (error) => {
          reset = true;
          if (!answered) reject(error);
        });
        void wanted.hangUpWhen?.then(() => outgoing.destroy());
        if (wanted.stream === undefined) outgoing.end(wanted.body);
        else sendStream(outgoing, wanted.stream).catch(() => outgoing.destroy());
      }),
    close() {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

async function sendStream(outgoing: ClientRequest, stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await once(outgoing, 'drain');
  }
  outgoing.end();
}
