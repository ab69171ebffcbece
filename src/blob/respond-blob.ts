import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { ifRangeMatches, matchesEntityTag } from '../http/entity-tag.ts';
import { formatContentRange, parseRange, type RangeSpec } from '../http/range.ts';
import type { IncompleteReason, Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { ociError } from '../oci/error.ts';
import { statusError } from '../oci/status-error.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { BlobLengths } from './blob-lengths.ts';
import type { BlobSource } from './blob-source.ts';
import { type DeliveryOutcome, deliverBlob } from './deliver-blob.ts';
import { learnLength, type OpenedBlob, openBlob } from './open-blob.ts';

/** What a door hands over of its request: enough to answer it, whichever door it came to. */
export type BlobExchange = {
  /** Whose transfer it is. */
  readonly clientAddress: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: IncomingHttpHeaders;
  readonly signal: AbortSignal;
  /** Takes the response over from Fastify; called once, when the header section is about to be written. */
  takeResponse(): ServerResponse;
  /** How the delivery ended, for the log line; not called where `respond` throws. */
  ended(outcome: BlobOutcome, failure: string | undefined): void;
};

/** Seconds: a layer of 100 MB at 50 MB/s. */
const TRANSFER_RETRY_SECONDS = 2;

export type BlobOutcome = 'ok' | 'client_closed' | 'digest_mismatch' | 'upstream_failed';

export type BlobRequest = {
  readonly registry: string;
  readonly digest: Digest;
  readonly source: BlobSource;
  /** Bytes, where the registry or a ticket told. */
  readonly statedLength: number | undefined;
};

export type BlobResponder = {
  /**
   * Answers a GET or HEAD of a blob: docs/request-handling.md D3–D12.
   * @throws OciError 416 or 429, or UpstreamFailure, both before anything has been written
   */
  respond(exchange: BlobExchange, blob: BlobRequest): Promise<void>;
};

export function createBlobResponder(deps: {
  pool: BufferPool;
  metrics: Metrics;
  lengths: BlobLengths;
  /** See `ClientLimits.beginTransfer`; left out: no limit. */
  beginTransfer?: (clientAddress: string) => (() => void) | undefined;
}): BlobResponder {
  const { metrics, lengths, pool } = deps;
  const sent = metrics.blobTransmitBytes.handle({ source: 'upstream' });

  async function respond(exchange: BlobExchange, blob: BlobRequest): Promise<void> {
    const { registry, digest, source } = blob;
    const { headers, signal } = exchange;
    const tag = `"${digest}"`;
    if (headers['if-none-match'] !== undefined && matchesEntityTag(headers['if-none-match'], tag)) {
      write(exchange, 304, { etag: tag, 'docker-content-digest': digest }).end();
      return;
    }
    const knownLength = blob.statedLength ?? lengths.get(registry, digest);
    if (exchange.method === 'HEAD') {
      const length = knownLength ?? (await learnLength({ source, signal }));
      lengths.set(registry, digest, length);
      write(exchange, 200, contentHeaders(digest, length)).end();
      return;
    }
    const endTransfer = beginTransfer(exchange.clientAddress);
    try {
      await transfer(exchange, blob, knownLength);
    } finally {
      endTransfer();
    }
  }

  /** L4: a client that has too many comes back when one of them may have ended. */
  function beginTransfer(clientAddress: string): () => void {
    if (deps.beginTransfer === undefined) return () => undefined;
    const end = deps.beginTransfer(clientAddress);
    if (end !== undefined) return end;
    metrics.clientLimitRefusals.inc({ limit: 'transfers' });
    throw ociError('TOOMANYREQUESTS', {
      message: 'Your address has too many downloads under way here; wait until one has ended.',
      headers: { 'retry-after': String(TRANSFER_RETRY_SECONDS) },
    });
  }

  async function transfer(
    exchange: BlobExchange,
    blob: BlobRequest,
    knownLength: number | undefined,
  ): Promise<void> {
    const { registry, digest, source } = blob;
    const { headers, signal } = exchange;
    const tag = `"${digest}"`;
    const range = selectRange(headers, tag, metrics);
    if (range === 'unsatisfiable') {
      const length = knownLength ?? (await learnLength({ source, signal }));
      throw rangeNotSatisfiable(length, metrics);
    }
    let opened = await openBlob({ source, range, knownLength, signal });
    if (opened.kind === 'unsatisfiable' && knownLength !== undefined && blob.statedLength === undefined) {
      // A remembered length is the word of one answer: before it refuses anything, the source is asked again.
      const length = await learnLength({ source, signal });
      lengths.set(registry, digest, length);
      if (length !== knownLength) opened = await openBlob({ source, range, knownLength: length, signal });
    }
    if (opened.kind === 'unsatisfiable') {
      // Not kept: what one wrong 416 said would be said to everybody.
      throw rangeNotSatisfiable(opened.completeLength, metrics);
    }
    lengths.set(registry, digest, opened.completeLength);
    await deliver(exchange, blob, opened);
  }

  async function deliver(exchange: BlobExchange, { digest }: BlobRequest, opened: OpenedBlob): Promise<void> {
    if (exchange.signal.aborted) {
      opened.cancel();
      throw exchange.signal.reason;
    }
    const { range, completeLength, length } = opened;
    const response = write(
      exchange,
      range === undefined ? 200 : 206,
      range === undefined
        ? contentHeaders(digest, length)
        : {
            ...contentHeaders(digest, length),
            'content-range': formatContentRange({ kind: 'range', ...range, completeLength }),
          },
    );
    await deliverBlob(opened, response, {
      digest,
      pool,
      sent,
      decided: (outcome) => report(exchange, outcome),
    });
  }

  function report(exchange: BlobExchange, outcome: DeliveryOutcome): void {
    if (outcome.kind === 'ok') {
      exchange.ended('ok', undefined);
      return;
    }
    const reason: IncompleteReason = outcome.kind === 'incomplete' ? outcome.failure.kind : outcome.kind;
    exchange.ended(outcome.kind === 'incomplete' ? 'upstream_failed' : outcome.kind, reason);
    metrics.blobIncomplete.inc({ reason });
    if (outcome.kind === 'digest_mismatch') metrics.blobDigestMismatches.inc({ stage: 'blob' });
    if (outcome.kind === 'incomplete') {
      metrics.upstreamFailures.inc({ upstream: outcome.failure.where, reason: outcome.failure.kind });
    }
  }

  return {
    async respond(exchange, blob) {
      try {
        await respond(exchange, blob);
      } catch (error) {
        // A length that led to a contradiction is worth less than asking again.
        if (error instanceof UpstreamFailure) {
          lengths.forget(blob.registry, blob.digest);
          metrics.upstreamFailures.inc({ upstream: error.where, reason: error.kind });
        }
        throw error;
      }
    },
  };
}

/** RFC 9110 §13.1.5, §14.2: the one range to answer with, `undefined` for the whole. */
function selectRange(
  headers: IncomingHttpHeaders,
  tag: string,
  metrics: Metrics,
): RangeSpec | 'unsatisfiable' | undefined {
  if (headers.range === undefined) return undefined;
  const ifRange = headers['if-range'];
  if (typeof ifRange === 'string' && !ifRangeMatches(ifRange, tag)) {
    metrics.rangeRequests.inc({ type: 'ignored' });
    return undefined;
  }
  const parsed = parseRange(headers.range);
  if (parsed.kind === 'unsatisfiable') return 'unsatisfiable';
  const [only, second] = parsed.kind === 'ranges' ? parsed.specs : [];
  if (only === undefined || second !== undefined) {
    metrics.rangeRequests.inc({ type: second === undefined ? 'ignored' : 'multiple' });
    return undefined;
  }
  const type = only.kind === 'suffix' ? 'suffix' : only.lastPos === undefined ? 'open' : 'int';
  metrics.rangeRequests.inc({ type });
  return only;
}

function rangeNotSatisfiable(completeLength: number, metrics: Metrics): Error {
  metrics.rangeRequests.inc({ type: 'unsatisfiable' });
  return statusError(416, {
    message: `The blob has ${completeLength} bytes; none of the ranges asked for lies within.`,
    headers: { 'content-range': `bytes */${completeLength}` },
  });
}

function contentHeaders(digest: Digest, length: number): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(length),
    'accept-ranges': 'bytes',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    // The content behind a digest never changes, but whoever may have it can: only the client itself may keep it.
    'cache-control': 'private, max-age=31536000, immutable',
  };
}

function write(exchange: BlobExchange, status: number, headers: Record<string, string>): ServerResponse {
  const response = exchange.takeResponse();
  response.writeHead(status, headers);
  return response;
}
