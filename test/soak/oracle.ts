import type { IncomingHttpHeaders } from 'node:http';
import { digestOf, type TestBlob } from '../support/image.ts';
import { parseMultipart } from '../support/parse-multipart.ts';

/** Bytes that are not those of the digest, or an answer that says something untrue: never to be excused by a fault. */
export class WrongBytes extends Error {
  readonly code = 'wrong_bytes';
}

export type Answered = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The whole announced body is there. */
  readonly isWhole: boolean;
};

/** First and last byte, both included. */
export type ByteRange = readonly [first: number, last: number];

/** Bytes from `first` on are the blob's own, however many there are. */
export function checkBytes(blob: TestBlob, first: number, bytes: Buffer, what: string): void {
  const wanted = blob.bytes.subarray(first, first + bytes.length);
  if (wanted.equals(bytes)) return;
  const at = wanted.findIndex((byte, index) => byte !== bytes[index]);
  throw new WrongBytes(
    `${what}: ${blob.digest} differs from byte ${first + (at < 0 ? wanted.length : at)} on`,
  );
}

/** A 200: what came is the beginning, and where it is whole, it has the digest. Gives the bytes that came. */
export function checkWhole(blob: TestBlob, answer: Answered): number {
  checkBytes(blob, 0, answer.body, 'whole');
  if (!answer.isWhole) return answer.body.length;
  if (answer.body.length !== blob.bytes.length)
    throw new WrongBytes(`whole: ${blob.digest} ended well after ${answer.body.length} bytes`);
  if (digestOf(answer.body) !== blob.digest)
    throw new WrongBytes(`whole: another digest than ${blob.digest}`);
  return answer.body.length;
}

/** A 206 with one part. Gives the bytes that came. */
export function checkRange(blob: TestBlob, [first, last]: ByteRange, answer: Answered): number {
  const end = Math.min(last, blob.bytes.length - 1);
  const wanted = `bytes ${first}-${end}/${blob.bytes.length}`;
  const said = answer.headers['content-range'];
  if (said !== wanted) throw new WrongBytes(`range: Content-Range is ${said}, want ${wanted}`);
  checkBytes(blob, first, answer.body, 'range');
  if (answer.isWhole && answer.body.length !== end - first + 1)
    throw new WrongBytes(`range: ${answer.body.length} bytes for ${wanted}`);
  return answer.body.length;
}

/** A 206 with several parts: each is the blob's own, and every byte that was asked for is in one of them. */
export function checkParts(blob: TestBlob, ranges: readonly ByteRange[], answer: Answered): void {
  if (!answer.isWhole) return;
  const type = answer.headers['content-type'] ?? '';
  const got: ByteRange[] = parse(type, answer.body).map(({ headers, body }) => {
    const [, first = '', last = '', size = ''] =
      /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
    checkBytes(blob, Number(first), body, 'part');
    const isTrue = Number(last) - Number(first) + 1 === body.length && Number(size) === blob.bytes.length;
    if (!isTrue) throw new WrongBytes(`part: ${body.length} bytes for ${headers['content-range']}`);
    return [Number(first), Number(last)];
  });
  for (const [first, last] of ranges) {
    if (!got.some(([from, to]) => from <= first && last <= to))
      throw new WrongBytes(`parts: ${first}-${last} of ${blob.digest} is in none of them`);
  }
}

function parse(type: string, body: Buffer): ReturnType<typeof parseMultipart> {
  try {
    return parseMultipart(type, body);
  } catch (error) {
    throw new WrongBytes(`parts: ${String(error)}`, { cause: error });
  }
}
