import { type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Answered } from './oracle.ts';

export type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Hangs up after so many bytes of the body. */
  readonly hangUpAfter?: number;
};

export type SoakHttp = {
  /** One request, redirects not followed; rejects where no header section came. */
  send(url: string, asked?: Asked): Promise<Answered>;
  close(): void;
};

/** Milliseconds without a byte after which the client gives up, as container clients do. */
const IDLE_MS = 30_000;

export function createSoakHttp(ca: string): SoakHttp {
  // One after the other on a connection, as HTTP/1.1 clients do; the next may find it closed.
  const agent = new Agent({ ca, keepAlive: true, maxFreeSockets: 4 });
  return {
    send: (url, asked = {}) =>
      new Promise((resolve, reject) => {
        const { method = 'GET', headers = {}, body, hangUpAfter = Number.POSITIVE_INFINITY } = asked;
        const length = body === undefined ? {} : { 'content-length': String(body.length) };
        let isAnswered = false;
        const outgoing: ClientRequest = request(
          url,
          { agent, method, headers: { ...length, ...headers } },
          (response: IncomingMessage) => {
            isAnswered = true;
            const chunks: Buffer[] = [];
            let size = 0;
            response.on('data', (chunk: Buffer) => {
              chunks.push(chunk);
              size += chunk.length;
              if (size >= hangUpAfter) outgoing.destroy();
            });
            response.on('error', () => undefined);
            response.once('close', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: Buffer.concat(chunks),
                isWhole: response.complete && size < hangUpAfter,
              }),
            );
          },
        );
        outgoing.setTimeout(IDLE_MS, () => outgoing.destroy(new Error('silent')));
        outgoing.on('error', (error: NodeJS.ErrnoException) => {
          if (!isAnswered) reject(error);
        });
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}
