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

/**
 * All of a body, at most `maxBytes`. Throws `ContentTooLarge` as soon as one byte more has arrived and ends the iteration, which
 * destroys a stream. Deadlines and signals are the stream's own.
 */
export async function readBounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new ContentTooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
