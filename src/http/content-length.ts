import type { IncomingHttpHeaders } from 'node:http';

/** Bytes that a Content-Length field tells (RFC 9110 §8.6); undefined where it is absent or no length. */
export function parseContentLength(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,16}$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}

/** Whether a request says that content follows it (RFC 9112 §6.3). */
export function announcesContent(headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length'];
  return (
    headers['transfer-encoding'] !== undefined || (length !== undefined && parseContentLength(length) !== 0)
  );
}
