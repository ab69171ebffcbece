import type { Slab } from '../../upstream/buffer-pool.ts';

type Chunk = { position: number; bytes: Buffer; readonly slab: Slab | undefined };

/** Bytes for one write, and the buffers that they keep until it has ended. */
export type QueuedWrite = {
  readonly position: number;
  readonly bytes: Buffer;
  readonly slabs: readonly (Slab | undefined)[];
};

/** What has come of a body, one byte next to the other, and waits for the disk. */
export class WriteQueue {
  private chunks: Chunk[] = [];
  private queuedBytes = 0;

  get bytes(): number {
    return this.queuedBytes;
  }

  /** Of the first byte; undefined where there is none. */
  get position(): number | undefined {
    return this.chunks[0]?.position;
  }

  /** Bytes of the first chunk, which may be skipped at once. */
  get firstBytes(): number {
    return this.chunks[0]?.bytes.length ?? 0;
  }

  push(position: number, bytes: Buffer, slab: Slab | undefined): void {
    this.chunks.push({ position, bytes, slab });
    this.queuedBytes += bytes.length;
  }

  /** The first bytes, `limit` at most: neighbours in one buffer go together. The buffers are the caller's to release. */
  take(limit: number): QueuedWrite | undefined {
    const head = this.chunks[0];
    if (head === undefined) return undefined;
    const { position, bytes: first } = head;
    const slabs: (Slab | undefined)[] = [];
    let length = 0;
    for (;;) {
      const chunk = this.chunks[0];
      if (chunk === undefined || length >= limit) break;
      const isNeighbour =
        chunk.bytes.buffer === first.buffer && chunk.bytes.byteOffset === first.byteOffset + length;
      if (length > 0 && !isNeighbour) break;
      const taken = Math.min(chunk.bytes.length, limit - length);
      length += taken;
      if (taken < chunk.bytes.length) {
        cut(chunk, taken);
        break;
      }
      slabs.push(chunk.slab);
      this.chunks.shift();
    }
    this.queuedBytes -= length;
    return { position, bytes: Buffer.from(first.buffer as ArrayBuffer, first.byteOffset, length), slabs };
  }

  /** Without the first `bytes` of the first chunk. Returns the chunk's buffer where nothing of it is left. */
  skip(bytes: number): Slab | undefined {
    const chunk = this.chunks[0];
    if (chunk === undefined) return undefined;
    this.queuedBytes -= bytes;
    if (bytes < chunk.bytes.length) {
      cut(chunk, bytes);
      return undefined;
    }
    this.chunks.shift();
    return chunk.slab;
  }

  /** Lets go of everything. Returns the buffers. */
  drop(): readonly (Slab | undefined)[] {
    const slabs = this.chunks.map(({ slab }) => slab);
    this.chunks = [];
    this.queuedBytes = 0;
    return slabs;
  }
}

function cut(chunk: Chunk, bytes: number): void {
  chunk.bytes = chunk.bytes.subarray(bytes);
  chunk.position += bytes;
}
