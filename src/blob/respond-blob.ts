import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { matchesEntityTag } from '../http/entity-tag.ts';
import { multipartByteranges } from '../http/multipart-byteranges.ts';
import type { ByteRange, RangeSpec } from '../http/range.ts';
import { satisfiableRanges } from '../http/satisfiable-ranges.ts';
import type { IncompleteReason, Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { statusError } from '../oci/status-error.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { UpstreamFailure, type UpstreamRole } from '../upstream/failure.ts';
import type { BeginTransfer } from './begin-transfer.ts';
import type { BlobLengths } from './blob-lengths.ts';
import { asSpec, type BlobOrigin, type BlobPlaces, createBlobOpener } from './blob-opener.ts';
import { BLOB_TYPE, contentHeaders, headersOf } from './content-headers.ts';
import { type DeliveryOutcome, deliverBlob } from './deliver-blob.ts';
import { type Verifier, verifierOf } from './hold-back.ts';
import type { LazySource } from './lazy-source.ts';
import { endOfAscent, multipartContent } from './multipart-content.ts';
import type { BlobContent } from './open-blob.ts';
import { planRuns } from './plan-runs.ts';
import { requestedRanges } from './requested-ranges.ts';
import type { ResumeLimits } from './resume.ts';

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

/** 128 bits: whoever made the blob can not have put the boundary into it. */
const BOUNDARY_BYTES = 16;

export type BlobOutcome = 'ok' | 'client_closed' | 'digest_mismatch' | 'upstream_failed';

export type BlobRequest = {
  readonly registry: string;
  readonly digest: Digest;
  readonly source: LazySource;
  /** What the source is, for failures. */
  readonly where: UpstreamRole;
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
  /** Left out: every blob is a stream from its source. */
  places?: BlobPlaces;
  /** Left out: no limit. */
  beginTransfer?: BeginTransfer;
  /** See `ResumeDeps.limits`. */
  resumeLimits?: Partial<ResumeLimits> | undefined;
}): BlobResponder {
  const { metrics, lengths, pool } = deps;
  const resume = { metrics, now: Date.now, random: Math.random, limits: deps.resumeLimits };
  const opener = createBlobOpener(deps.places ?? {}, { pool, resume });
  const sent = {
    cache: metrics.blobTransmitBytes.handle({ source: 'cache' }),
    fill: metrics.blobTransmitBytes.handle({ source: 'fill' }),
    upstream: metrics.blobTransmitBytes.handle({ source: 'upstream' }),
  };

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
      const length = knownLength ?? (await opener.length({ digest, source, signal }));
      lengths.set(registry, digest, length);
      write(exchange, 200, contentHeaders(digest, length)).end();
      return;
    }
    const endTransfer = deps.beginTransfer?.(exchange.clientAddress);
    try {
      await transfer(exchange, blob, knownLength);
    } finally {
      endTransfer?.();
    }
  }

  async function transfer(
    exchange: BlobExchange,
    blob: BlobRequest,
    knownLength: number | undefined,
  ): Promise<void> {
    const { digest, source } = blob;
    const { headers, signal } = exchange;
    const asked = requestedRanges(headers, `"${digest}"`, metrics.rangeRequests);
    switch (asked.kind) {
      case 'unsatisfiable':
        throw rangeNotSatisfiable(knownLength ?? (await opener.length({ digest, source, signal })), metrics);
      case 'several':
        return transferSeveral(exchange, blob, asked.specs, knownLength);
      case 'one':
        return transferOne(exchange, blob, asked.spec, knownLength);
      case 'whole':
        return transferOne(exchange, blob, undefined, knownLength);
    }
  }

  /** @param range undefined for the whole blob */
  async function transferOne(
    exchange: BlobExchange,
    blob: BlobRequest,
    range: RangeSpec | undefined,
    knownLength: number | undefined,
  ): Promise<void> {
    const askedAt = performance.now();
    const { registry, digest, source } = blob;
    const { signal } = exchange;
    let opening = await opener.open({ digest, scope: blob.registry, source, range, knownLength, signal });
    if (opening.result.kind === 'unsatisfiable' && knownLength !== undefined) {
      const length = await askLengthAgain(blob, knownLength, signal);
      if (length !== knownLength) {
        opening = await opener.open({
          digest,
          scope: blob.registry,
          source,
          range,
          knownLength: length,
          signal,
        });
      }
    }
    const { from, result } = opening;
    if (result.kind === 'unsatisfiable') {
      // Not kept: what one wrong 416 said would be said to everybody.
      throw rangeNotSatisfiable(result.completeLength, metrics);
    }
    lengths.set(registry, digest, result.completeLength);
    await deliver(exchange, blob, result, {
      from,
      askedAt,
      status: result.range === undefined ? 200 : 206,
      headers: headersOf(result, digest),
      verifier: verifierOf(result, digest),
    });
  }

  /** A remembered length is the word of one answer: before it refuses anything, the source is asked again. */
  async function askLengthAgain(
    { registry, digest, source, statedLength }: BlobRequest,
    knownLength: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (statedLength !== undefined) return knownLength;
    const length = await opener.length({ digest, source, signal });
    lengths.set(registry, digest, length);
    return length;
  }

  async function transferSeveral(
    exchange: BlobExchange,
    blob: BlobRequest,
    specs: readonly RangeSpec[],
    knownLength: number | undefined,
  ): Promise<void> {
    const askedAt = performance.now();
    const { registry, digest, source } = blob;
    const { signal } = exchange;
    let length = knownLength ?? (await opener.length({ digest, source, signal }));
    let ranges = satisfiableRanges(specs, length);
    if (ranges.length === 0 && knownLength !== undefined) {
      length = await askLengthAgain(blob, knownLength, signal);
      ranges = satisfiableRanges(specs, length);
    }
    const [only, second] = ranges;
    if (only === undefined) throw rangeNotSatisfiable(length, metrics);
    if (second === undefined) return transferOne(exchange, blob, asSpec(only), length);
    const runs = planRuns(ranges);
    const firstRun = runs?.[0];
    if (runs === undefined || firstRun === undefined) {
      return transferOne(exchange, blob, undefined, length);
    }
    const open = (range: ByteRange, throughTo: number) =>
      opener.open({
        digest,
        scope: blob.registry,
        source,
        range: asSpec(range),
        throughTo,
        knownLength: length,
        signal,
      });
    const ascent = endOfAscent(ranges, 0);
    let { from, result: first } = await open(firstRun, ascent);
    if (first.kind === 'unsatisfiable') throw rangeNotSatisfiable(first.completeLength, metrics);
    const goesBack = ascent !== ranges.at(-1)?.lastPos;
    if (first.completeLength !== length || (first.rangeIgnored === true && goesBack)) {
      // The length that the ranges were planned by is wrong; or a source sends the whole for each that goes back.
      first.cancel();
      return transferOne(exchange, blob, undefined, first.completeLength);
    }
    lengths.set(registry, digest, length);
    const frame = multipartByteranges(ranges, {
      completeLength: length,
      partType: BLOB_TYPE,
      boundary: randomBytes(BOUNDARY_BYTES).toString('hex'),
    });
    const content = multipartContent({
      ranges,
      runs,
      frame,
      first,
      async open(range, throughTo) {
        const next = await open(range, throughTo);
        from = next.from;
        return next.result;
      },
      pool,
      where: blob.where,
    });
    await deliver(exchange, blob, content, {
      from: () => from(),
      askedAt,
      status: 206,
      headers: { ...contentHeaders(digest, frame.contentLength), 'content-type': frame.contentType },
      verifier: undefined,
    });
  }

  async function deliver(
    exchange: BlobExchange,
    { registry, digest }: BlobRequest,
    content: BlobContent,
    answer: {
      /** Of the bytes that are delivered now. */
      readonly from: () => BlobOrigin;
      /** `performance.now()` of the request. */
      readonly askedAt: number;
      readonly status: number;
      readonly headers: Record<string, string>;
      readonly verifier: Verifier | undefined;
    },
  ): Promise<void> {
    if (deps.places?.stored !== undefined) {
      metrics.blobCacheRequests.inc({ result: answer.from() === 'cache' ? 'hit' : 'miss' });
    }
    if (exchange.signal.aborted) {
      content.cancel();
      throw exchange.signal.reason;
    }
    await deliverBlob(content, write(exchange, answer.status, answer.headers), {
      verifier: answer.verifier,
      pool,
      sent: { inc: (bytes) => sent[answer.from()].inc(bytes) },
      begun: () =>
        metrics.blobTimeToFirstByte.observe(
          { source: answer.from() },
          (performance.now() - answer.askedAt) / 1000,
        ),
      decided(outcome) {
        if (isContradiction(outcome)) lengths.forget(registry, digest);
        report(exchange, outcome, metrics);
      },
    });
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

/** What was said of the blob does not go together: the remembered length may be what is wrong. */
function isContradiction(outcome: DeliveryOutcome): boolean {
  if (outcome.kind !== 'incomplete') return outcome.kind === 'digest_mismatch';
  return outcome.failure.kind === 'http_protocol_error';
}

function report(exchange: BlobExchange, outcome: DeliveryOutcome, metrics: Metrics): void {
  if (outcome.kind === 'ok') {
    exchange.ended('ok', undefined);
    return;
  }
  const reason: IncompleteReason = outcome.kind === 'incomplete' ? outcome.failure.kind : outcome.kind;
  exchange.ended(outcome.kind === 'incomplete' ? 'upstream_failed' : outcome.kind, reason);
  metrics.blobIncomplete.inc({ reason });
  if (outcome.kind === 'digest_mismatch') metrics.blobDigestMismatches.inc({ stage: 'blob' });
  if (outcome.kind === 'incomplete' && outcome.failure instanceof UpstreamFailure) {
    metrics.upstreamFailures.inc({ upstream: outcome.failure.where, reason: outcome.failure.kind });
  }
}

function rangeNotSatisfiable(completeLength: number, metrics: Metrics): Error {
  metrics.rangeRequests.inc({ type: 'unsatisfiable' });
  return statusError(416, {
    message: `The blob has ${completeLength} bytes; none of the ranges asked for lies within.`,
    headers: { 'content-range': `bytes */${completeLength}` },
  });
}

function write(exchange: BlobExchange, status: number, headers: Record<string, string>): ServerResponse {
  const response = exchange.takeResponse();
  response.writeHead(status, headers);
  return response;
}
