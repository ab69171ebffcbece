import { formatContentRange } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { OpenedBlob } from './open-blob.ts';

export const BLOB_TYPE = 'application/octet-stream';

/** The fields of an answer with content, docs/request-handling.md D4: our own, never the storage's. */
export function contentHeaders(digest: Digest, length: number): Record<string, string> {
  return {
    'content-type': BLOB_TYPE,
    'content-length': String(length),
    'accept-ranges': 'bytes',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    // The content behind a digest never changes, but whoever may have it can: only the client itself may keep it.
    'cache-control': 'private, max-age=31536000, immutable',
  };
}

/** Those of a whole blob, or of one range of it. */
export function headersOf(opened: OpenedBlob, digest: Digest): Record<string, string> {
  const { range, completeLength, length } = opened;
  const headers = contentHeaders(digest, length);
  if (range === undefined) return headers;
  return { ...headers, 'content-range': formatContentRange({ kind: 'range', ...range, completeLength }) };
}
