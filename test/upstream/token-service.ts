import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request as a test's server saw it. */
export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
};

/** Notes what arrives; used by the servers of these tests. */
export function note(seen: Seen[], request: IncomingMessage): void {
  seen.push({
    method: request.method ?? '',
    url: request.url ?? '',
    authorization: request.headers.authorization,
  });
}

export function challenge(response: ServerResponse, value: string): void {
  response.writeHead(401, { 'www-authenticate': value, 'content-length': 2 }).end('{}');
}

export function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
