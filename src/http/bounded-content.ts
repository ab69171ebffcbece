/** The content was longer than its reader allows; nothing of it is kept. */
export class ContentTooLarge extends Error {
  readonly code = 'content_too_large';
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`Content is longer than the ${maxBytes} bytes allowed here`);
    this.name = 'ContentTooLarge';
    this.maxBytes = maxBytes;
  }
}

export class ContentTooSlow extends Error {
  override readonly name = 'ContentTooSlow';
  readonly code = 'content_too_slow';
  constructor(withinMs: number) {
    super(`Content was not whole within the ${withinMs} ms allowed here`);
  }
}

/** Milliseconds for a small document, whole: containerd gives up on an answer after 30 s. */
export const DOCUMENT_MS = 25_000;

/**
 * All of a body, at most `maxBytes`, within a time: an idle deadline alone would let a peer send a byte a minute. Throws
 * `ContentTooLarge` as soon as one byte more has arrived, `ContentTooSlow` when the time is over; both destroy a stream.
 * Signals are the stream's own.
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array> & { destroy?: (error: Error) => unknown },
  maxBytes: number,
  withinMs = DOCUMENT_MS,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const deadline = setTimeout(() => body.destroy?.(new ContentTooSlow(withinMs)), withinMs);
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > maxBytes) throw new ContentTooLarge(maxBytes);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(deadline);
  }
  return Buffer.concat(chunks, length);
}
