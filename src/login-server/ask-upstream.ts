import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { DoorRequest } from '../listener/door-request.ts';
import { readErrorBody } from '../upstream/end-body.ts';
import type { UpstreamRequest, UpstreamResponse } from '../upstream/upstream-registry.ts';

/**
 * Fields of a client's request that are not the upstream's business: who the client is, how it came here, and what only
 * concerns its own connection. `host`, `authorization` and hop-by-hop fields are handled further down.
 */
const KEPT_BACK = new Set([
  'cookie',
  'referer',
  'origin',
  'forwarded',
  'via',
  'x-request-id',
  'x-real-ip',
  'if-none-match',
  'if-match',
  'if-range',
  'range',
]);

/** The client's fields that go along to the upstream registry; bodies and `Accept-Encoding` are never transformed. */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  also: readonly string[] = [],
): Record<string, string | string[] | undefined> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => also.includes(name) || (!KEPT_BACK.has(name) && !name.startsWith('x-forwarded-')),
    ),
  );
}

/** The raw query without `ns`, which is Berth's own business; '' or with its `?`. */
export function forwardedQuery(query: string): string {
  const kept = query.split('&').filter((pair) => pair !== '' && pair !== 'ns' && !pair.startsWith('ns='));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The request that stands for this one at the upstream, without a body. */
export function upstreamRequest(
  call: DoorRequest,
  authorization: string | undefined,
): Omit<UpstreamRequest, 'body'> {
  return {
    method: call.request.raw.method ?? 'GET',
    path: `${call.path}${forwardedQuery(call.query)}`,
    headers: forwardedHeaders(call.request.raw.headers),
    authorization,
    client: call.context.clientAddress,
    signal: call.context.signal,
  };
}

/** The client's body as a stream, where it sends one (RFC 9112 §6.3). */
export function requestBody(call: DoorRequest): Readable | undefined {
  const { headers } = call.request.raw;
  const length = headers['content-length'];
  if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0'))
    return undefined;
  return call.request.raw;
}

/** An upstream's answer, small enough to be kept. */
export type BoundedAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Reads an answer that is not content: an error document. One that is too long is replaced by an empty body. */
export async function readAnswer(response: UpstreamResponse): Promise<BoundedAnswer> {
  const { status, headers } = response;
  return { status, headers, body: await readErrorBody(response) };
}
