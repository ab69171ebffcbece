import type { ServerResponse } from 'node:http';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import type { OciError } from '../oci/error.ts';
import { formatErrorDocument } from '../oci/error.ts';
import { STATUS_CODES } from '../system/node-http.ts';

/**
 * Answers with the distribution-spec's error document. The header section must not be out yet. Fields that a handler had
 * set for another answer are dropped, those of the error are added.
 */
export function sendError(response: ServerResponse, error: OciError, requestId: string): void {
  const content = Buffer.from(formatErrorDocument(error, requestId));
  for (const name of response.getHeaderNames()) {
    if (name !== 'connection') response.removeHeader(name);
  }
  response.writeHead(error.status, { ...errorHeaders(content, requestId), ...error.headers });
  // Node leaves the content of an answer to HEAD out by itself; its length stays, as RFC 9110 §9.3.2 asks.
  response.end(content);
}

/** The same as bytes, for a connection whose request never became one. Says that the connection ends. */
export function formatErrorResponse(error: OciError, requestId: string): string {
  const content = formatErrorDocument(error, requestId);
  const fields = { ...errorHeaders(Buffer.from(content), requestId), ...error.headers, connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? 'Error'}\r\n${lines.join('')}\r\n${content}`;
}

function errorHeaders(content: Buffer, requestId: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'content-length': String(content.length),
    ...API_VERSION_FIELD,
    'x-request-id': requestId,
    // An outage or a refusal of today must not be remembered by a cache between us and the client.
    'cache-control': 'no-store',
  };
}
