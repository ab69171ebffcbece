import { type ByteRange, formatContentRange } from './range.ts';

/** The frame of a multipart/byteranges body: what stands before, between and after the ranges' own bytes. */
export type MultipartByteranges = {
  /** Value of the Content-Type field of the whole answer. */
  readonly contentType: string;
  /** Bytes of the whole body, those of the ranges included. */
  readonly contentLength: number;
  /** What stands before the bytes of range number `index`. */
  head(index: number): Buffer;
  /** What stands after the last byte of the last range. */
  readonly tail: Buffer;
};

/**
 * RFC 9110 section 14.6, RFC 2046 section 5.1.1.
 *
 * @param boundary 1 to 70 characters that need no quotes, and not to be guessed: content that holds it would end a part
 */
export function multipartByteranges(
  ranges: readonly ByteRange[],
  options: { readonly completeLength: number; readonly partType: string; readonly boundary: string },
): MultipartByteranges {
  const { completeLength, partType, boundary } = options;
  const head = (index: number): Buffer => {
    const range = ranges[index];
    if (range === undefined) throw new RangeError(`there is no range ${index}`);
    // The line break before a boundary belongs to it; the first one has nothing before it to break off.
    return Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${partType}\r\n` +
        `Content-Range: ${formatContentRange({ kind: 'range', ...range, completeLength })}\r\n\r\n`,
      'latin1',
    );
  };
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  let contentLength = tail.length;
  for (const [index, { firstPos, lastPos }] of ranges.entries()) {
    contentLength += head(index).length + lastPos - firstPos + 1;
  }
  return { contentType: `multipart/byteranges; boundary=${boundary}`, contentLength, head, tail };
}
