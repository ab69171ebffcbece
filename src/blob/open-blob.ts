import type { ByteRange, RangeSpec } from '../http/range.ts';
import type { Slab } from '../upstream/buffer-pool.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { BlobSource } from './blob-source.ts';
import type { LocalFailure } from './local-failure.ts';
import { learnLength, openAnswer } from './open-answer.ts';
import { OPENING_RESUME_LIMITS, type ResumeReason } from './resume.ts';
import { ResumedBody } from './resume-body.ts';
import { createResumeSource, type ResumeDeps } from './resume-source.ts';
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
 * Range cut to size on our side. What passes (a cut, a stall, a busy or refusing host) is tried again, at first within the
 * short time in which the client can still be told, and for longer once bytes are under way (E1–E6).
 *
 * @throws UpstreamFailure where the source gives no usable answer; AbortError's reason when `signal` aborts.
 */
export async function openBlob(options: OpenOptions, deps: ResumeDeps): Promise<OpenResult> {
  const { signal } = options;
  const sources = createResumeSource(options.source, deps, OPENING_RESUME_LIMITS);
  for (;;) {
    try {
      const opened = await openAnswer({ ...options, source: await sources.take(signal) });
      if (opened.kind === 'unsatisfiable') return opened;
      const { completeLength, firstPos, lastPos, rangeIgnored } = opened;
      const body = new ResumedBody(opened, sources.current, signal, deps);
      return {
        kind: 'content',
        completeLength,
        range: options.range === undefined ? undefined : { firstPos, lastPos },
        length: body.length,
        rangeIgnored,
        pipe: (sink) => body.pipe(sink),
        pause: () => body.pause(),
        resume: () => body.resume(),
        cancel: () => body.cancel(),
      };
    } catch (error) {
      await sources.recover(error, OPENING, signal);
    }
  }
}

/** The length of a blob, as its source says it; tried again as `openBlob` does. @throws as `openBlob` */
export async function askLength(source: BlobSource, signal: AbortSignal, deps: ResumeDeps): Promise<number> {
  const sources = createResumeSource(source, deps, OPENING_RESUME_LIMITS);
  for (;;) {
    try {
      return await learnLength({ source: await sources.take(signal), signal });
    } catch (error) {
      await sources.recover(error, OPENING, signal);
    }
  }
}

/** A contradiction would be told again, and the length that it is about may be the one that is wrong. */
const OPENING = { bytes: 0, retryable: (reason: ResumeReason) => reason !== 'wrong_answer' };
