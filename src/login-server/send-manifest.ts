import type { IncomingMessage, ServerResponse } from 'node:http';
import { matchesEntityTag } from '../http/entity-tag.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import type { KnownManifest } from './manifest-answer.ts';

/** Bytes. Nearly every manifest is one piece. */
const PIECE_BYTES = 64 * 1024;

/**
 * Past Fastify, whose way for an answer costs more than everything else here. The fields are the upstream's for this repository, also
 * where the content was kept for another one (C4).
 *
 * @param content undefined: for HEAD alone, where there is none at hand
 */
export function sendManifest(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  response: ServerResponse,
  requestId: string,
  { digest, mediaType, length }: KnownManifest,
  content: Buffer | undefined,
): void {
  const tag = `"${digest}"`;
  const condition = headers['if-none-match'];
  // Names and values in turn are what Node writes with the least work.
  const fields = [
    'x-request-id',
    requestId,
    'docker-content-digest',
    digest,
    'docker-distribution-api-version',
    API_VERSION_FIELD['docker-distribution-api-version'],
    'etag',
    tag,
  ];
  if (condition !== undefined && matchesEntityTag(condition, tag)) {
    response.writeHead(304, fields).end();
    return;
  }
  fields.push('content-type', mediaType, 'content-length', String(content?.length ?? length));
  response.writeHead(200, fields);
  if (method === 'HEAD' || content === undefined) response.end();
  else sendContent(response, content);
}

/**
 * In pieces, each when the client has taken the one before: TLS encrypts a write whole at once, so of a client that does not read
 * Berth would hold the whole manifest once more, and a thousand such clients are 4 GB.
 */
function sendContent(response: ServerResponse, content: Buffer): void {
  let from = 0;
  const sendMore = (): void => {
    while (from + PIECE_BYTES < content.length) {
      if (response.destroyed) return;
      const piece = content.subarray(from, from + PIECE_BYTES);
      from += PIECE_BYTES;
      if (!response.write(piece)) {
        response.once('drain', sendMore);
        return;
      }
    }
    response.end(content.subarray(from));
  };
  sendMore();
}
