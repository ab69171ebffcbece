import { createHash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestHex } from '../../oci/digest.ts';
import type { BufferPool } from '../../upstream/buffer-pool.ts';

/** Where the bytes are, and up to where they are without a gap. */
export type HashedFile = {
  readonly length: number;
  /** Position before which every byte is there, looking from `from` on. */
  contiguousEnd(from: number): number;
  read(position: number, buffer: Uint8Array): Promise<number>;
};

/**
 * Hashes a blob in order while it comes in: from memory what arrives in order, from the file what was there before or
 * arrived ahead of its turn, a bounded slice at a time.
 */
export type FillHash = {
  /** Bytes that have just been written; used where they are the next in order. */
  offer(position: number, bytes: Uint8Array): void;
  /** Catches up with the file, as far as it goes. */
  pump(): void;
  /** No read is under way after it has resolved. */
  stop(): Promise<void>;
};

export type HashEnd =
  | { readonly kind: 'matches' }
  | { readonly kind: 'differs' }
  /** The file could not be read. */
  | { readonly kind: 'unreadable'; readonly error: unknown };

/** @param ended called once, when every byte has been hashed or the file could not be read; not after `stop` */
export function createFillHash(
  digest: Digest,
  file: HashedFile,
  pool: BufferPool,
  ended: (end: HashEnd) => void,
): FillHash {
  const hash = createHash(digestAlgorithm(digest));
  let position = 0;
  let isOver = false;
  let reading: Promise<void> | undefined;

  function finish(end: HashEnd): void {
    if (isOver) return;
    isOver = true;
    ended(end);
  }

  function conclude(): void {
    if (isOver || position < file.length) return;
    finish({ kind: hash.digest('hex') === digestHex(digest) ? 'matches' : 'differs' });
  }

  async function catchUp(): Promise<void> {
    for (;;) {
      const available = file.contiguousEnd(position) - position;
      if (isOver || available <= 0) return;
      const slab = pool.take(available);
      try {
        const bytes = await file.read(
          position,
          slab.buffer.subarray(0, Math.min(slab.buffer.length, available)),
        );
        if (isOver) return;
        if (bytes === 0) throw new Error('the spool file ends before the bytes that were written to it');
        hash.update(slab.buffer.subarray(0, bytes));
        position += bytes;
      } finally {
        pool.retire(slab, () => true);
      }
    }
  }

  function pump(): void {
    if (isOver || reading !== undefined) return;
    if (file.contiguousEnd(position) <= position) {
      conclude();
      return;
    }
    reading = catchUp().then(caughtUp, unreadable);
  }

  function caughtUp(): void {
    reading = undefined;
    // What landed while it was on its way out.
    pump();
  }

  function unreadable(error: unknown): void {
    reading = undefined;
    finish({ kind: 'unreadable', error });
  }

  return {
    pump,
    offer(at, bytes) {
      if (isOver || reading !== undefined || at !== position) return;
      hash.update(bytes);
      position += bytes.length;
      conclude();
    },
    async stop() {
      isOver = true;
      await reading;
    },
  };
}
