import type { OutgoingHttpHeaders } from 'node:http';
import { ServerResponse } from '../system/node-http.ts';
import type { ClientExchange } from './client-exchange.ts';

/**
 * A response that remembers when its header section was written. Node has no event for it, and a hook of Fastify's
 * would miss the handlers that write to the raw response.
 */
export class TimedResponse extends ServerResponse {
  /** Milliseconds on the clock of `performance.now()`; undefined until then. */
  headAt: number | undefined;
  /** A field of every answer; one that is given with the header section wins. */
  requestId: string | undefined;
  /** What it belongs to. Here, since a weak map with a key for each request is work for the collector. */
  exchange: ClientExchange | undefined;
  /** Fastify has been given an answer, of which nothing may be out yet. */
  isAnswered = false;

  // Node calls this for implicit header sections, too.
  override writeHead(status: number, reason?: unknown, fields?: unknown): this {
    this.headAt ??= performance.now();
    // Not set beforehand: Node takes a header section that comes in one piece for half of what single fields cost.
    if (this.requestId !== undefined && !hasRequestId(fields ?? reason)) {
      this.setHeader('x-request-id', this.requestId);
    }
    // Any of Node's two forms: what stands in second place may be the fields.
    return super.writeHead(status, reason as string, fields as OutgoingHttpHeaders);
  }
}

function hasRequestId(fields: unknown): boolean {
  if (Array.isArray(fields)) return fields.includes('x-request-id');
  return typeof fields === 'object' && fields !== null && 'x-request-id' in fields;
}
