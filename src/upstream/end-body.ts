import type { IncomingHttpHeaders } from 'node:http';
import type { UpstreamResponse } from './exchange.ts';

/** Bytes. Reading this much costs less than a new TLS connection; more is cut off. */
const MAX_DRAIN_BYTES = 16 * 1024;

/** For a body nobody wants: drains a small one, so that the connection can be used again, and cuts off any other at once. */
export async function endBody({ headers, body }: UpstreamResponse): Promise<void> {
  const length = contentLength(headers);
  if (length !== undefined && length <= MAX_DRAIN_BYTES) {
    // Whatever goes wrong in it is nobody's loss.
    await body.dump().catch(() => undefined);
    return;
  }
  body.on('error', () => undefined);
  body.destroy();
}

/** Undefined where the field is absent or no length. */
export function contentLength(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['content-length'];
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
