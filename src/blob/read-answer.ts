import type { IncomingHttpHeaders } from 'node:http';
import { parseContentLength } from '../http/content-length.ts';
import { parseContentRange } from '../http/range.ts';
import { parseRetryAfter } from '../http/retry-after.ts';
import type { FailureKind } from '../upstream/failure.ts';

/** What a source's answer to a GET, ranged or not, means for the bytes that were asked for. */
export type ReadAnswer =
  | {
      readonly kind: 'content';
      readonly completeLength: number;
      /** The bytes wanted. */
      readonly firstPos: number;
      readonly lastPos: number;
      /** Where the body starts: before `firstPos` when the source ignored Range. */
      readonly bodyFrom: number;
      readonly bodyLength: number;
    }
  | { readonly kind: 'unsatisfiable'; readonly completeLength: number }
  | { readonly kind: 'length_unknown' }
  | {
      readonly kind: 'failed';
      readonly failure: FailureKind;
      readonly message: string;
      readonly status: number;
      readonly retryAfterSeconds: number | undefined;
    };

type Asked = { readonly firstPos: number; readonly lastPos: number | undefined };

/**
 * Reads status and fields (RFC 9110 §14, §15.3.7, §15.5.17) and believes nothing that contradicts what is known: a range
 * other than the one asked for, a length that changed, and a Content-Encoding nobody asked for are failures.
 */
export function readAnswer(
  status: number,
  headers: IncomingHttpHeaders,
  asked: Asked | undefined,
  knownLength: number | undefined,
): ReadAnswer {
  const retryAfter = headers['retry-after'];
  const failed = (message: string, failure: FailureKind = 'http_protocol_error'): ReadAnswer => ({
    kind: 'failed',
    failure,
    message,
    status,
    retryAfterSeconds: retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, Date.now()),
  });
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity' && (status === 200 || status === 206)) {
    return failed('the body has a content coding that was not asked for');
  }
  if (status === 200) return readWhole(headers, asked, knownLength, failed);
  if (status === 206 && asked !== undefined) return readPartial(headers, asked, knownLength, failed);
  if (status === 416 && asked !== undefined) {
    const range = parseContentRange(contentRangeOf(headers));
    const completeLength = range?.kind === 'unsatisfied' ? range.completeLength : knownLength;
    if (completeLength === undefined) return { kind: 'length_unknown' };
    if (asked.firstPos < completeLength) return failed('416 for a range that the blob has');
    return { kind: 'unsatisfiable', completeLength };
  }
  return failed(`status ${status}`, 'http_request_error');
}

function readWhole(
  headers: IncomingHttpHeaders,
  asked: Asked | undefined,
  knownLength: number | undefined,
  failed: (message: string) => ReadAnswer,
): ReadAnswer {
  const stated = parseContentLength(headers['content-length']);
  if (stated !== undefined && knownLength !== undefined && stated !== knownLength) {
    return failed(`Content-Length is ${stated}, but the blob has ${knownLength} bytes`);
  }
  const completeLength = stated ?? knownLength;
  if (completeLength === undefined) return { kind: 'length_unknown' };
  const firstPos = asked?.firstPos ?? 0;
  if (asked !== undefined && firstPos >= completeLength) return { kind: 'unsatisfiable', completeLength };
  const lastPos = Math.min(asked?.lastPos ?? completeLength - 1, completeLength - 1);
  return { kind: 'content', completeLength, firstPos, lastPos, bodyFrom: 0, bodyLength: completeLength };
}

function readPartial(
  headers: IncomingHttpHeaders,
  asked: Asked,
  knownLength: number | undefined,
  failed: (message: string) => ReadAnswer,
): ReadAnswer {
  const field = contentRangeOf(headers);
  // An empty blob has no range; Azurite says so with 206 and a range that ends before it begins.
  if (field === 'bytes 0--1/0' && (knownLength ?? 0) === 0)
    return { kind: 'unsatisfiable', completeLength: 0 };
  const range = parseContentRange(field);
  if (range?.kind !== 'range') return failed('206 without a usable Content-Range');
  const completeLength = range.completeLength ?? knownLength;
  if (completeLength === undefined) return failed('Content-Range without a complete length');
  if (knownLength !== undefined && completeLength !== knownLength) {
    return failed(`Content-Range says ${completeLength} bytes in all, but the blob has ${knownLength}`);
  }
  if (asked.firstPos >= completeLength) return { kind: 'unsatisfiable', completeLength };
  const lastPos = Math.min(asked.lastPos ?? completeLength - 1, completeLength - 1);
  if (range.firstPos !== asked.firstPos || range.lastPos !== lastPos) {
    return failed(`asked for bytes ${asked.firstPos}-${lastPos}, got ${range.firstPos}-${range.lastPos}`);
  }
  const bodyLength = lastPos - asked.firstPos + 1;
  const stated = parseContentLength(headers['content-length']);
  if (stated !== undefined && stated !== bodyLength)
    return failed('Content-Length contradicts Content-Range');
  return {
    kind: 'content',
    completeLength,
    firstPos: asked.firstPos,
    lastPos,
    bodyFrom: asked.firstPos,
    bodyLength,
  };
}

/** The field where there is exactly one; two that contradict each other are none. */
function contentRangeOf(headers: IncomingHttpHeaders): string {
  const value: unknown = headers['content-range'];
  return typeof value === 'string' ? value : '';
}
