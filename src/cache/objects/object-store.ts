import type { Readable } from 'node:stream';

/**
 * Objects that several replicas see, in Azure Blob Storage or S3. Names are the caller's; every object is written whole and never
 * changed. It may be away, full or empty at any time.
 */
export type ObjectStore = {
  /** Where it is, without credentials: for logs, and for whose word its bytes are. */
  readonly origin: string;
  /**
   * A part of an object, from the first to the last position; undefined: there is no such object, or it ends before. What is
   * wanted beyond the end is left out.
   * @throws ObjectStoreError
   */
  get(name: string, range: ObjectRange, signal: AbortSignal): Promise<ObjectPart | undefined>;
  /** Stores an object whole, unless there is one of this name already. @throws ObjectStoreError */
  put(name: string, content: ObjectContent, signal: AbortSignal): Promise<'stored' | 'exists'>;
  /** Bytes; undefined: there is no such object. @throws ObjectStoreError */
  length(name: string, signal: AbortSignal): Promise<number | undefined>;
  /** Also where there is none. @throws ObjectStoreError */
  remove(name: string, signal: AbortSignal): Promise<void>;
  close(): void;
};

export type ObjectRange = { readonly firstPos: number; readonly lastPos: number };

export type ObjectPart = {
  /** Bytes of the whole object. */
  readonly completeLength: number;
  /** Exactly the part, or an error. Must be read to its end or destroyed. */
  readonly body: Readable;
};

export type ObjectContent = {
  readonly length: number;
  /** Fills the buffer from a position on; rejects where it can not. */
  read(position: number, buffer: Buffer): Promise<void>;
};

/** `status`: the store's own answer; undefined: there was none. The message is for the operator and holds no secret. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
  readonly code = 'object_store_failed';
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** What was to be stored could not be read: that says nothing of the store. */
export class UnreadableContentError extends Error {
  override readonly name = 'UnreadableContentError';
  readonly code = 'content_unreadable';
}

/**
 * Bytes of the whole object, by the answer to a ranged GET; undefined: it ends before the range. A server that ignores ranges, or
 * answers with another one, would have its bytes taken for others. @throws ObjectStoreError
 */
export function completeLengthOf(
  contentRange: string | undefined,
  { firstPos }: ObjectRange,
  origin: string,
): number | undefined {
  // RFC 9110 §14.4
  const [, first, last, complete] =
    /^bytes (\d+)-(-?\d+)\/(\d+)$/.exec(contentRange ?? '')?.map(Number) ?? [];
  if (first !== undefined && last !== undefined && complete !== undefined) {
    // Azurite answers so in place of 416.
    if (complete <= firstPos) return undefined;
    if (first === firstPos && last >= firstPos && last < complete) return complete;
  }
  throw new ObjectStoreError(`${origin}: it answered with another range than it was asked for`, undefined);
}

/** The part that a body is; one that is no use is destroyed. @throws what `completeLength` throws */
export function openPart(body: Readable, completeLength: () => number | undefined): ObjectPart | undefined {
  let length: number | undefined;
  try {
    length = completeLength();
    return length === undefined ? undefined : { completeLength: length, body };
  } finally {
    if (length === undefined) body.destroy();
  }
}

/** Bytes that are held of one upload, and the size of its parts: S3 takes none below 5 MiB. */
export const PART_BYTES = 8 * 1024 * 1024;
/** S3 takes 10,000, Azure 50,000. */
const MAX_PARTS = 9_000;

/** The parts that an upload is made in, in order. */
export function partsOf(length: number): readonly { readonly position: number; readonly bytes: number }[] {
  const size = Math.max(PART_BYTES, Math.ceil(length / MAX_PARTS));
  return Array.from({ length: Math.max(1, Math.ceil(length / size)) }, (_, index) => ({
    position: index * size,
    bytes: Math.min(size, length - index * size),
  }));
}

export async function readPart(
  content: ObjectContent,
  { position, bytes }: { readonly position: number; readonly bytes: number },
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  try {
    if (bytes > 0) await content.read(position, buffer);
  } catch (error) {
    throw new UnreadableContentError('what was to be stored could not be read', { cause: error });
  }
  return buffer;
}
