import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { matchesEntityTag } from '../http/entity-tag.ts';
import type { IncompleteReason, Metrics } from '../metrics/metrics.ts';
import type { Work } from '../metrics/running-work.ts';
import { OciError } from '../oci/error.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { countFailure } from '../upstream/count-failure.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { BeginTransfer } from './begin-transfer.ts';
import { type BlobAnswer, type BlobRequest, createBlobAnswers } from './blob-answers.ts';
import type { BlobLengths } from './blob-lengths.ts';
import { type BlobOrigin, type BlobPlaces, createBlobOpener } from './blob-opener.ts';
import { contentHeaders } from './content-headers.ts';
import { type DeliveryOutcome, deliverBlob } from './deliver-blob.ts';
import { type RangeForm, requestedRanges } from './requested-ranges.ts';
import type { ResumeLimits } from './resume.ts';
import { type BeginTransferWork, showWork } from './show-work.ts';

/** What a door hands over of its request: enough to answer it, whichever door it came to. */
export type BlobExchange = {
  /** Whose transfer it is. */
  readonly clientAddress: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: IncomingHttpHeaders;
  readonly signal: AbortSignal;
  /** Takes the response over from Fastify; called once, when the header section is about to be written. */
  takeResponse(): ServerResponse;
  /**
   * What led to the source is of no more use: it refuses (401, 403), renewed or not, or the length that the registry told along with it is
   * not the blob's.
   */
  linkRefused(): Promise<void>;
  /** What ended a body that was under way; not called where `respond` throws. */
  failedAmid(failure: UpstreamFailure): void;
  /** How the delivery ended, for the log line; not called where `respond` throws. */
  ended(outcome: BlobOutcome, failure: string | undefined): void;
};

export type BlobOutcome = 'ok' | 'client_closed' | 'digest_mismatch' | 'upstream_failed';

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
  /** Makes a transfer one that can be seen while it is under way; left out: nobody looks. */
  beginWork?: BeginTransferWork;
  /** See `ResumeDeps.limits`. */
  resumeLimits?: Partial<ResumeLimits> | undefined;
}): BlobResponder {
  const { metrics, lengths, pool } = deps;
  const resume = {
    metrics,
    now: Date.now,
    steady: () => performance.now(),
    random: Math.random,
    limits: deps.resumeLimits,
  };
  const opener = createBlobOpener(deps.places ?? {}, { pool, resume });
  const answers = createBlobAnswers({ opener, lengths, pool });
  const sent = {
    cache: metrics.blobTransmitBytes.handle({ source: 'cache' }),
    fill: metrics.blobTransmitBytes.handle({ source: 'fill' }),
    upstream: metrics.blobTransmitBytes.handle({ source: 'upstream' }),
  };

  async function respond(exchange: BlobExchange, blob: BlobRequest): Promise<void> {
    const { registry, digest } = blob;
    const { headers, signal } = exchange;
    const tag = `"${digest}"`;
    if (headers['if-none-match'] !== undefined && matchesEntityTag(headers['if-none-match'], tag)) {
      write(exchange, 304, { etag: tag, 'docker-content-digest': digest }).end();
      return;
    }
    if (exchange.method === 'HEAD') {
      const length = await answers.length(blob, signal);
      lengths.set(registry, digest, length);
      write(exchange, 200, contentHeaders(digest, length)).end();
      return;
    }
    const endTransfer = deps.beginTransfer?.(exchange.clientAddress);
    const work = deps.beginWork?.({ registry, digest, clientAddress: exchange.clientAddress });
    try {
      await transfer(exchange, blob, work);
    } finally {
      work?.end();
      endTransfer?.();
    }
  }

  async function transfer(exchange: BlobExchange, blob: BlobRequest, work: Work | undefined): Promise<void> {
    const askedAt = performance.now();
    work?.waits('upstream');
    const asked = requestedRanges(exchange.headers, `"${blob.digest}"`);
    let answer: BlobAnswer;
    try {
      answer = await answers.open(blob, asked, exchange.signal);
    } catch (error) {
      countRange(isUnsatisfiable(error) ? 'unsatisfiable' : asked.form, 'none');
      throw error;
    }
    countRange(asked.form, answer.from());
    await deliver(exchange, blob, answer, askedAt, work);
  }

  function countRange(type: RangeForm | undefined, source: BlobOrigin | 'none'): void {
    if (type !== undefined) metrics.rangeRequests.inc({ type, source });
  }

  async function deliver(
    exchange: BlobExchange,
    { registry, digest, statedLength }: BlobRequest,
    { status, headers, content, verifier, from }: BlobAnswer,
    askedAt: number,
    work: Work | undefined,
  ): Promise<void> {
    if (deps.places?.stored !== undefined) {
      metrics.blobCacheRequests.inc({ result: from() === 'cache' ? 'hit' : 'miss' });
    }
    if (exchange.signal.aborted) {
      content.cancel();
      throw exchange.signal.reason;
    }
    const shown = work === undefined ? content : showWork(content, work);
    await deliverBlob(shown, write(exchange, status, headers), {
      verifier,
      pool,
      sent: {
        inc(bytes) {
          sent[from()].inc(bytes);
          work?.moved(bytes);
        },
      },
      begun: () =>
        metrics.blobTimeToFirstByte.observe({ source: from() }, (performance.now() - askedAt) / 1000),
      judged: () => work?.waits('verdict'),
      handedOver: () => work?.waits('client'),
      decided(outcome) {
        if (isContradiction(outcome)) {
          lengths.forget(registry, digest);
          if (statedLength !== undefined) void exchange.linkRefused();
        }
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
          const isStatedWrong = blob.statedLength !== undefined && error.kind === 'http_protocol_error';
          if (isRefusal(error) || isStatedWrong) await exchange.linkRefused();
          lengths.forget(blob.registry, blob.digest);
          countFailure(metrics, error);
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
    exchange.failedAmid(outcome.failure);
    if (isRefusal(outcome.failure)) void exchange.linkRefused();
    countFailure(metrics, outcome.failure);
  }
}

function isRefusal({ status }: UpstreamFailure): boolean {
  return status === 401 || status === 403;
}

function isUnsatisfiable(error: unknown): boolean {
  return error instanceof OciError && error.status === 416;
}

function write(exchange: BlobExchange, status: number, headers: Record<string, string>): ServerResponse {
  const response = exchange.takeResponse();
  response.writeHead(status, headers);
  return response;
}
