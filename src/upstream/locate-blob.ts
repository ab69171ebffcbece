import type { IncomingHttpHeaders } from 'node:http';
import { parseContentLength } from '../http/content-length.ts';
import { parseContentRange } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { UpstreamRequest } from './authorized-request.ts';
import type { CheckLocation } from './check-location.ts';
import { endBody, readErrorBody } from './end-body.ts';
import type { QueueWait, UpstreamResponse } from './exchange.ts';
import { UpstreamFailure } from './failure.ts';
import { isPage } from './is-page.ts';
import { isRedirect } from './is-redirect.ts';
import { locationFailure } from './location-failure.ts';
import { sourceExpiry } from './source-expiry.ts';

/** Where a blob's bytes are. */
export type BlobLocation =
  /** At another host, which needs no credentials (a signed URL). */
  | {
      readonly kind: 'storage';
      /** Byte for byte as the registry wrote it. */
      readonly url: string;
      readonly host: string;
      /** Unix seconds; undefined where the URL does not tell. */
      readonly expiresAt: number | undefined;
      readonly size: number | undefined;
      /** Whose registry said so, where there are several. */
      readonly region?: string | undefined;
    }
  /** At the registry itself, with the same credentials. */
  | {
      readonly kind: 'registry';
      readonly url: string;
      readonly size: number | undefined;
      readonly region?: string | undefined;
    }
  /** Neither: the registry's own answer, to be passed on. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    };

export type BlobQuestion = {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly authorization: string | undefined;
  /** The client, for its turn in the queue. */
  readonly client?: string | undefined;
  /** The region to ask first, where there are several; undefined: home. */
  readonly region?: string | undefined;
  /** `scheme://host[:port]` that has just failed: another region's location is given where there is one. */
  readonly avoid?: string | undefined;
  readonly queueWait?: QueueWait | undefined;
  readonly signal: AbortSignal;
};

/**
 * Asks the registry where a blob is, with GET since a signed URL is bound to its method, and for one byte, so that a
 * registry that serves blobs itself does not open the whole one. Redirects are followed as long as they stay at the
 * registry; the first one that leaves it is the answer.
 */
export function createLocateBlob(deps: {
  readonly origin: string;
  readonly send: (request: UpstreamRequest) => Promise<UpstreamResponse>;
  readonly check: CheckLocation;
}): (question: BlobQuestion) => Promise<BlobLocation> {
  return async ({ repository, digest, authorization, client, queueWait, signal }) => {
    let path = `/v2/${repository}/blobs/${digest}`;
    for (let hop = 0; ; hop += 1) {
      const url = `${deps.origin}${path}`;
      const response = await deps.send({
        method: 'GET',
        path,
        headers: { range: 'bytes=0-0', 'accept-encoding': 'identity' },
        authorization,
        client,
        queueWait,
        signal,
      });
      if (!isRedirect(response.status)) return blobLocation(response, url);
      await endBody(response);
      const checked = deps.check(response.headers.location, url, hop);
      if (checked.kind === 'refused') throw locationFailure(checked, 'registry');
      if (!checked.sameOrigin) {
        const { url: target, host } = checked;
        return { kind: 'storage', url: target, host, expiresAt: sourceExpiry(target), size: undefined };
      }
      path = checked.target.path;
    }
  };
}

async function blobLocation(response: UpstreamResponse, url: string): Promise<BlobLocation> {
  const { status, headers } = response;
  if (status === 200 || status === 206) {
    if (isPage(headers)) {
      await endBody(response);
      // Taken for the blob, it would be leave to have a copy of it (K4).
      throw new UpstreamFailure('http_protocol_error', 'registry', 'a web page came in place of a blob');
    }
    const size = status === 206 ? completeLength(headers) : parseContentLength(headers['content-length']);
    await endBody(response);
    return { kind: 'registry', url, size };
  }
  if (status === 416) {
    const size = completeLength(headers);
    // No byte 0: an empty blob, or a registry that dislikes the range. Only the first tells its length.
    if (size === 0) {
      await endBody(response);
      return { kind: 'registry', url, size };
    }
  }
  return { kind: 'status', status, headers, body: await readErrorBody(response) };
}

function completeLength(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['content-range'];
  return value === undefined ? undefined : parseContentRange(value)?.completeLength;
}
