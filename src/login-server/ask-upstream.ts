import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { appendQuery } from '../http/append-query.ts';
import { announcesContent } from '../http/content-length.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { limitKey } from '../policy/limit-key.ts';
import { readErrorBody } from '../upstream/end-body.ts';
import type { UpstreamRequest, UpstreamResponse } from '../upstream/upstream-registry.ts';

/**
 * Fields of a client's request that go along to the upstream, and no others: a field that the upstream takes for a method, a
 * path, an address or credentials would do there what Berth has not decided. `authorization` is handled further down.
 */
const FORWARDED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'traceparent',
  'tracestate',
  'user-agent',
]);

/** Prefixes of the registry API's own fields. */
const FORWARDED_PREFIXES = ['docker-', 'oci-'];

/** The client's fields that go along to the upstream registry; bodies and `Accept-Encoding` are never transformed. */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  also: readonly string[] = [],
): Record<string, string | string[] | undefined> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) =>
        FORWARDED.has(name) ||
        FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
        also.includes(name),
    ),
  );
}

/** The raw query without `ns`, which is Berth's own business. */
export function forwardedQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '' && pair !== 'ns' && !pair.startsWith('ns='))
    .join('&');
}

/** The request that stands for this one at the upstream, without a body. */
export function upstreamRequest(
  call: DoorRequest,
  authorization: string | undefined,
): Omit<UpstreamRequest, 'body'> {
  return {
    method: call.request.raw.method ?? 'GET',
    path: appendQuery(call.path, forwardedQuery(call.query)),
    headers: forwardedHeaders(call.request.raw.headers),
    authorization,
    client: limitKey(call.context.clientAddress),
    signal: call.context.signal,
  };
}

/** The client's body as a stream, where it sends one (RFC 9112 §6.3). */
export function requestBody(call: DoorRequest): Readable | undefined {
  return announcesContent(call.request.raw.headers) ? call.request.raw : undefined;
}

/** An upstream's answer, small enough to be kept. */
export type BoundedAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Reads an answer that is not content: an error document. One that is too long is replaced by an empty body. */
export async function keepAnswer(response: UpstreamResponse): Promise<BoundedAnswer> {
  const { status, headers } = response;
  return { status, headers, body: await readErrorBody(response) };
}

/** Bytes that it takes to keep an answer: of its body, and about as many as its fields have. */
export function bytesOf({ headers, body }: Pick<BoundedAnswer, 'headers' | 'body'>): number {
  let bytes = body.length;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + String(value).length;
  return bytes;
}
