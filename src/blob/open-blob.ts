import type { IncomingHttpHeaders } from 'node:http';
import { type ByteRange, formatRange, type RangeSpec, resolveRange } from '../http/range.ts';
import type { Slab } from '../upstream/buffer-pool.ts';
import { UpstreamFailure, type UpstreamRole } from '../upstream/failure.ts';
import { isRedirect } from '../upstream/is-redirect.ts';
import type { Transfer } from '../upstream/transfer.ts';
import type { BlobSource } from './blob-source.ts';
import type { LocalFailure } from './local-failure.ts';
import { readAnswer } from './read-answer.ts';
import type { WrongContent } from './wrong-content.ts';

/** Receives content bytes in order, then `end` or `failed`, once. */
export type BlobSink = {
  /** `slab` is pinned for the sink, which owes one `pool.unpin(slab)`. */
  data(chunk: Buffer, slab: Slab | undefined): void;
  end(): void;
  failed(failure: BlobFailure): void;
};

export type BlobFailure = UpstreamFailure | LocalFailure | WrongContent;

/** Bytes that flow once `pipe` is called. Either `pipe` or `cancel` must be. */
export type BlobContent = {
  /** Bytes that will be delivered. */
  readonly length: number;
  pipe(sink: BlobSink): void;
  pause(): void;
  resume(): void;
  /** Idempotent, also after the end. Nothing is told to the sink afterwards, or a failure. */
  cancel(): void;
};

/**
 * Who answers for the bytes of a blob. `proved`: it was verified before it was published. `promised`: whoever fetches it verifies
 * it; `matches` is asked once, when everything but the held-back end has been sent, and rejects where there will be no verdict.
 */
export type Verdict =
  | { readonly kind: 'proved' }
  | { readonly kind: 'promised'; readonly matches: () => Promise<boolean> };

/** A blob, or one range of it. */
export type OpenedBlob = BlobContent & {
  readonly kind: 'content';
  readonly completeLength: number;
  /** Undefined: the whole blob. */
  readonly range: ByteRange | undefined;
  /** Left out: nobody, so whoever takes the whole hashes it as it passes. */
  readonly verdict?: Verdict;
  /** The source was asked for a range and sends the whole. */
  readonly rangeIgnored?: boolean;
};

export type OpenResult = OpenedBlob | { readonly kind: 'unsatisfiable'; readonly completeLength: number };

export type OpenOptions = {
  readonly source: BlobSource;
  /** One range; undefined for the whole blob. */
  readonly range: RangeSpec | undefined;
  /**
   * Position up to which a source that ignores Range is read in place of the range's own end: what is wanted next comes with
   * the same transfer then.
   */
  readonly throughTo?: number;
  /** Bytes, where an earlier answer told. */
  readonly knownLength: number | undefined;
  readonly signal: AbortSignal;
};

/**
 * Opens a blob at its source: one absolute range at a time, redirects followed and checked, a source that ignores
 * Range cut to size on our side. A connection that breaks before the header section is tried once more, since a kept
 * connection may have been closed under the request.
 *
 * @throws UpstreamFailure where the source gives no usable answer; AbortError's reason when `signal` aborts.
 */
export async function openBlob(options: OpenOptions): Promise<OpenResult> {
  let { knownLength } = options;
  // Not every storage knows suffix ranges (Azure), so the length is asked for first.
  if (options.range?.kind === 'suffix') knownLength ??= await learnLength(options);
  let range: ByteRange | { firstPos: number; lastPos: number | undefined } | undefined;
  if (options.range !== undefined) {
    if (knownLength !== undefined) {
      range = resolveRange(options.range, knownLength);
      if (range === undefined) return { kind: 'unsatisfiable', completeLength: knownLength };
    } else if (options.range.kind === 'int') {
      range = options.range;
    }
  }
  const answer = await ask(options, range);
  const read = readAnswer(answer.status, answer.headers, range, knownLength);
  if (read.kind === 'content') {
    const rangeIgnored = range !== undefined && answer.status === 200;
    const lastPos = rangeIgnored
      ? Math.max(read.lastPos, Math.min(options.throughTo ?? 0, read.completeLength - 1))
      : read.lastPos;
    return openedBlob(answer, { ...read, lastPos, rangeIgnored, whole: options.range === undefined });
  }
  answer.cancel();
  if (read.kind === 'unsatisfiable') return read;
  // Azurite answers a range after the end with 206 and a Content-Range that is none: knowing the length decides it.
  const isOddRange = read.kind === 'failed' && read.status === 206 && knownLength === undefined;
  if (read.kind === 'length_unknown' || isOddRange) {
    const completeLength = await learnLength(options);
    return openBlob({ ...options, knownLength: completeLength });
  }
  throw new UpstreamFailure(read.failure, options.source.where, read.message, read);
}

/** The blob's length by a request for its first byte: the cheapest question that every storage answers. */
export async function learnLength(options: Omit<OpenOptions, 'range' | 'knownLength'>): Promise<number> {
  const range = { firstPos: 0, lastPos: 0 };
  const answer = await ask(options, range);
  const read = readAnswer(answer.status, answer.headers, range, undefined);
  answer.cancel();
  if (read.kind === 'content' || read.kind === 'unsatisfiable') return read.completeLength;
  if (read.kind === 'length_unknown') {
    throw new UpstreamFailure(
      'http_protocol_error',
      options.source.where,
      'the answer has neither Content-Length nor Content-Range, so the length of the blob can not be known',
    );
  }
  throw new UpstreamFailure(read.failure, options.source.where, read.message, read);
}

/** A source's answer; the body flows into `sink`, which is set first, once `transfer.resume` is called. */
export type Answer = {
  /** The one that answered, after redirects. */
  readonly source: BlobSource;
  readonly where: UpstreamRole;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly transfer: Transfer;
  sink: BlobSink | undefined;
  cancel(): void;
};

/** One GET, of one absolute range or of everything, redirects followed. @throws as `openBlob` */
export async function ask(
  options: Pick<OpenOptions, 'source' | 'signal'>,
  range: { firstPos: number; lastPos: number | undefined } | undefined,
): Promise<Answer> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (range !== undefined) headers['range'] = formatRange(range);
  let source = options.source;
  for (;;) {
    const answer = await askOnce(source, headers, options.signal).catch((error: unknown) => {
      if (!(error instanceof UpstreamFailure) || error.kind !== 'connection_terminated') throw error;
      options.signal.throwIfAborted();
      return askOnce(source, headers, options.signal);
    });
    if (!isRedirect(answer.status)) return answer;
    answer.cancel();
    // Refuses the hop too many as well (D12).
    source = source.redirected(answer.headers.location);
  }
}

function askOnce(source: BlobSource, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let answer: Answer | undefined;
    const transfer = source.start(headers, {
      start(status, responseHeaders) {
        signal.removeEventListener('abort', onAbort);
        answer = {
          source,
          where: source.where,
          status,
          headers: responseHeaders,
          transfer,
          sink: undefined,
          cancel: () => transfer.abort(),
        };
        resolve(answer);
      },
      data(chunk, slab) {
        // Nothing flows before `pipe` has set the sink: `startTransfer` pauses at the header section.
        answer?.sink?.data(chunk, slab);
      },
      end: () => answer?.sink?.end(),
      failed(failure) {
        signal.removeEventListener('abort', onAbort);
        if (answer === undefined) reject(failure);
        else answer.sink?.failed(failure);
      },
    });
    function onAbort(): void {
      transfer.abort();
      reject(signal.reason);
    }
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

type Shape = {
  readonly completeLength: number;
  readonly firstPos: number;
  readonly lastPos: number;
  /** Position of the first byte of the upstream's body. */
  readonly bodyFrom: number;
  readonly bodyLength: number;
  readonly whole: boolean;
  readonly rangeIgnored: boolean;
};

function openedBlob(answer: Answer, shape: Shape): OpenedBlob {
  const length = Math.max(0, shape.lastPos - shape.firstPos + 1);
  return {
    kind: 'content',
    completeLength: shape.completeLength,
    range: shape.whole ? undefined : { firstPos: shape.firstPos, lastPos: shape.lastPos },
    length,
    rangeIgnored: shape.rangeIgnored,
    pipe(sink) {
      answer.sink = new WindowSink(sink, answer, shape.firstPos - shape.bodyFrom, length);
      answer.transfer.resume();
    },
    pause: () => answer.transfer.pause(),
    resume: () => answer.transfer.resume(),
    cancel: () => answer.cancel(),
  };
}

/** Lets through `length` bytes after the first `skip`, ends there, and takes a body that ends earlier for a failure. */
class WindowSink implements BlobSink {
  private readonly sink: BlobSink;
  private readonly answer: Answer;
  private skip: number;
  private remaining: number;
  private done = false;

  constructor(sink: BlobSink, answer: Answer, skip: number, length: number) {
    this.sink = sink;
    this.answer = answer;
    this.skip = skip;
    this.remaining = length;
  }

  data(chunk: Buffer, slab: Slab | undefined): void {
    const from = Math.min(this.skip, chunk.length);
    this.skip -= from;
    const to = Math.min(chunk.length, from + this.remaining);
    this.remaining -= to - from;
    this.sink.data(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), slab);
    if (this.remaining === 0 && to < chunk.length) this.finish();
  }

  end(): void {
    if (this.remaining === 0) this.finish();
    else
      this.failed(new UpstreamFailure('http_response_incomplete', this.answer.where, 'the body ended early'));
  }

  failed(failure: UpstreamFailure): void {
    if (this.done) return;
    this.done = true;
    this.sink.failed(failure);
  }

  private finish(): void {
    if (this.done) return;
    this.done = true;
    this.sink.end();
    // Where the source ignored Range its tail is still on the way: not worth a byte. Ends nothing that has ended.
    this.answer.cancel();
  }
}
