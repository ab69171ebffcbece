import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** One request at the fixture registry, with its target taken apart. */
export type FixtureExchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** Raw path. */
  readonly path: string;
  readonly query: URLSearchParams;
};

export function answer(
  exchange: FixtureExchange,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Uint8Array | string = '',
): void {
  const bytes = Buffer.from(body);
  const length = status === 204 || status === 304 ? {} : { 'content-length': bytes.length };
  exchange.response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    ...length,
    ...headers,
  });
  exchange.response.end(exchange.method === 'HEAD' ? undefined : bytes);
}

export function answerJson(
  exchange: FixtureExchange,
  status: number,
  document: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  answer(exchange, status, { 'content-type': 'application/json', ...headers }, JSON.stringify(document));
}

export function answerError(
  exchange: FixtureExchange,
  status: number,
  code: string,
  headers: OutgoingHttpHeaders = {},
): void {
  answerJson(exchange, status, { errors: [{ code, message: `fixture says ${code}` }] }, headers);
}

/** Answers bytes, ranged (RFC 9110 §14, one range) where `ranges` says so. */
export function answerBytes(
  exchange: FixtureExchange,
  bytes: Buffer,
  headers: OutgoingHttpHeaders,
  ranges: 'all' | 'noSuffix' | 'ignored',
): void {
  const wanted = /^bytes=(\d*)-(\d*)$/.exec(exchange.request.headers.range ?? '');
  const [, first = '', last = ''] = wanted ?? [];
  if (!wanted || ranges === 'ignored' || (first === '' && ranges === 'noSuffix')) {
    answer(exchange, 200, headers, bytes);
    return;
  }
  const start = first === '' ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes.length - 1 : Math.min(Number(last), bytes.length - 1);
  if (start > end) {
    answer(exchange, 416, { ...headers, 'content-range': `bytes */${bytes.length}` });
    return;
  }
  const contentRange = `bytes ${start}-${end}/${bytes.length}`;
  answer(exchange, 206, { ...headers, 'content-range': contentRange }, bytes.subarray(start, end + 1));
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
