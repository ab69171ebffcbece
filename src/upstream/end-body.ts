import type { UpstreamResponse } from './exchange.ts';

/** Bytes. Reading this much costs less than a new TLS connection; more is cut off. */
export const MAX_DRAIN_BYTES = 16 * 1024;

/** Milliseconds for a body nobody wants to end; a connection that needs longer is not worth keeping. */
export const DRAIN_MS = 1000;

/**
 * For a body nobody wants: drains a small one, so that the connection can be used again, and cuts off any other at once. Whatever goes
 * wrong in it is nobody's loss, and nobody waits for it: an answer that is known goes out at once.
 */
export async function endBody(response: UpstreamResponse): Promise<void> {
  response.drop(MAX_DRAIN_BYTES, DRAIN_MS);
}

/** Bytes of an error document: real ones have some hundred. */
const MAX_ERROR_BYTES = 64 * 1024;

/** The body of an answer that is not content. One that is too long or breaks off counts as empty: its status says enough. */
export async function readErrorBody(response: UpstreamResponse): Promise<Buffer> {
  return response.read(MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
}
