import type { RangeSpec } from '../../http/range.ts';
import { UpstreamFailure } from '../../upstream/failure.ts';
import type { FillPort } from './fill-port.ts';

/** What a reader tells the owner. */
export type ReaderMessage =
  | { readonly kind: 'join'; readonly range: RangeSpec | undefined }
  /** Everything before it has been taken; the reader wants what follows. Told at each new piece, and when it runs dry. */
  | { readonly kind: 'position'; readonly position: number }
  /** The file could not be opened at `path`: it may have been published under another name meanwhile. */
  | { readonly kind: 'not_opened'; readonly path: string }
  | { readonly kind: 'leave' };

/** What the owner tells a reader. */
export type OwnerMessage =
  | {
      readonly kind: 'opened';
      readonly path: string;
      /** Of the whole blob, in bytes. */
      readonly length: number;
      readonly pieceBytes: number;
      /** Pieces that are there: 1 per piece. */
      readonly have: Uint8Array;
      /** What the reader will deliver: `from` inclusive, `to` exclusive. */
      readonly from: number;
      readonly to: number;
      readonly isVerified: boolean;
    }
  /** The blob has no byte of the range. */
  | { readonly kind: 'unsatisfiable'; readonly length: number }
  /** No fill can be had; the blob can still be streamed. */
  | { readonly kind: 'unavailable' }
  /** The first `bytes` of the piece can be read. */
  | { readonly kind: 'progress'; readonly piece: number; readonly bytes: number }
  | { readonly kind: 'piece'; readonly piece: number }
  /** A source that ignores Range sends everything, and has still to come to what the reader waits for: that may take its time. */
  | { readonly kind: 'coming' }
  /** The whole blob is there and has its digest. */
  | { readonly kind: 'verified' }
  /** The whole blob is there and is another. */
  | { readonly kind: 'mismatch' }
  /** No source is left for what is missing. */
  | { readonly kind: 'failed'; readonly failure: FailureFacts }
  /** The spool can not be used any more. */
  | { readonly kind: 'broken'; readonly message: string }
  /** A new source is there after all. */
  | { readonly kind: 'resumed' };

export type ReaderPort = FillPort<ReaderMessage, OwnerMessage>;
export type OwnerPort = FillPort<OwnerMessage, ReaderMessage>;

/** An `UpstreamFailure` as plain data. */
export type FailureFacts = Pick<
  UpstreamFailure,
  'kind' | 'where' | 'message' | 'status' | 'refusal' | 'retryAfterSeconds'
>;

export function toFacts(failure: UpstreamFailure): FailureFacts {
  const { kind, where, message, status, refusal, retryAfterSeconds } = failure;
  return { kind, where, message, status, refusal, retryAfterSeconds };
}

/** The owner has counted it, once for all readers. */
export function toFailure({ kind, where, message, ...facts }: FailureFacts): UpstreamFailure {
  return Object.assign(new UpstreamFailure(kind, where, message, facts), { isCounted: true });
}
