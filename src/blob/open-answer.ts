import { type ByteRange, resolveRange } from '../http/range.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import { type Answer, ask } from './ask-source.ts';
import type { OpenOptions } from './open-blob.ts';
import { readAnswer } from './read-answer.ts';

/** A source that sends the blob, or the range of it; nothing flows yet. */
export type OpenAnswer = {
  readonly kind: 'content';
  readonly answer: Answer;
  readonly completeLength: number;
  readonly firstPos: number;
  readonly lastPos: number;
  /** Position of the first byte of the source's body. */
  readonly bodyFrom: number;
  /** The source was asked for a range and sends the whole. */
  readonly rangeIgnored: boolean;
};

/**
 * One try to open a blob at its source, as one absolute range. A connection that breaks before the header section is
 * tried once more, since a kept connection may have been closed under the request.
 *
 * @throws as `openBlob`
 */
export async function openAnswer(
  options: OpenOptions,
): Promise<OpenAnswer | { readonly kind: 'unsatisfiable'; readonly completeLength: number }> {
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
    return { ...read, answer, lastPos, rangeIgnored };
  }
  answer.dismiss();
  if (read.kind === 'unsatisfiable') return read;
  // Azurite answers a range after the end with 206 and a Content-Range that is none: knowing the length decides it.
  const isOddRange = read.kind === 'failed' && read.status === 206 && knownLength === undefined;
  if (read.kind === 'length_unknown' || isOddRange) {
    const completeLength = await learnLength(options);
    return openAnswer({ ...options, knownLength: completeLength });
  }
  throw new UpstreamFailure(read.failure, options.source.where, read.message, read);
}

/** The blob's length by a request for its first byte: the cheapest question that every storage answers. */
export async function learnLength(options: Pick<OpenOptions, 'source' | 'signal'>): Promise<number> {
  const range = { firstPos: 0, lastPos: 0 };
  const answer = await ask(options, range);
  const read = readAnswer(answer.status, answer.headers, range, undefined);
  answer.dismiss();
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
