import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { createServer } from '../system/node-http.ts';

/** An answer: a JSON document with its status. */
export type ControlAnswer = { readonly status: number; readonly document: unknown };

/** Answers one request; `body` is JSON of at most 4 KiB, undefined where there was none. */
export type ControlHandler = (request: {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}) => Promise<ControlAnswer>;

/** For a process on the same machine to send its header section. */
const HEADERS_TIMEOUT_MS = 5000;
/** For its whole request. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_BODY_BYTES = 4 * 1024;
/** Commands come one at a time; who opens more is no command. */
const MAX_CONNECTIONS = 16;

/** HTTP for the control socket: small JSON documents, each length limited, each wait with a deadline. */
export function createControlServer(handle: ControlHandler, log: Logger): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      keepAlive: false,
    },
    (request, response) => {
      answer(request, handle)
        .catch((error: unknown) => {
          log.error({ error: error instanceof Error ? error.message : 'unknown' }, 'control request failed');
          const message = error instanceof Error ? error.message : 'the request failed';
          return refusal(500, 'failed', message);
        })
        .then((given) => send(response, given))
        .catch(() => response.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(REQUEST_TIMEOUT_MS);
  return server;
}

/** The document of everything but success. */
export function refusal(status: number, code: string, message: string): ControlAnswer {
  return { status, document: { error: { code, message } } };
}

async function answer(request: IncomingMessage, handle: ControlHandler): Promise<ControlAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Ending the loop early must not end the connection before the answer is out.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Buffer)) continue;
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      return refusal(413, 'too_large', `a request has at most ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = size === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return refusal(400, 'malformed', 'the body is no JSON');
  }
  return handle({ method: request.method ?? '', path: request.url ?? '', body });
}

function send(response: ServerResponse, { status, document }: ControlAnswer): void {
  const text = `${JSON.stringify(document)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(text);
}
