import type { StoredBlob } from '../cache/blob-store.ts';
import { type BufferPool, type Slab, SMALL_SLAB } from '../upstream/buffer-pool.ts';
import { Pace } from '../upstream/pace.ts';
import { LocalFailure } from './local-failure.ts';
import type { BlobContent, BlobSink } from './open-blob.ts';

/**
 * Reads part of a stored blob into pooled slabs, one read at a time and none while the sink is paused; the blob is closed when the
 * last byte has been read, at a failure, and at `cancel`. What is in memory is read at once, in turns with all the other readers.
 */
export class StoredReader implements BlobContent {
  readonly length: number;
  private readonly blob: StoredBlob;
  private readonly pool: BufferPool;
  private readonly end: number;
  private position: number;
  private sink: BlobSink | undefined;
  /** Being read into, or read and not given out yet. */
  private slab: Slab | undefined;
  /** Bytes of `slab` that are read. */
  private filled = 0;
  /** Of the sink: it pauses until it has taken what it was given. */
  private readonly pace = new Pace();
  private paused = false;
  private reading = false;
  /** For its turn to read from memory. */
  private waiting = false;
  private closed = false;

  /** @param end position after the last byte wanted */
  constructor(blob: StoredBlob, pool: BufferPool, from: number, end: number) {
    this.blob = blob;
    this.pool = pool;
    this.position = from;
    this.end = end;
    this.length = end - from;
  }

  /**
   * Reads the first bytes, so that a disk that fails is known of while another place can still be asked, and they go out with the
   * header section. Rejects where the disk fails; the blob is closed then.
   */
  async begin(): Promise<void> {
    if (this.length === 0) return;
    try {
      const target = this.target();
      this.filled =
        this.blob.now?.read(target, this.position) || (await this.blob.read(this.position, target));
      if (this.filled === 0) throw new LocalFailure(SHORT);
    } catch (error) {
      this.dropSlab();
      this.close();
      throw error;
    }
  }

  pipe(sink: BlobSink): void {
    this.sink = sink;
    if (this.length === 0) this.finish();
    else this.give();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.readOn();
  }

  cancel(): void {
    // While a read is under way the file and the slab are the kernel's.
    if (!this.reading) this.dropSlab();
    this.close();
  }

  private readOn(): void {
    if (this.reading || this.waiting || this.closed || this.sink === undefined || this.paused) return;
    const { now } = this.blob;
    if (now === undefined) {
      this.readLater(this.target());
      return;
    }
    this.waiting = true;
    now.takeTurn(this.onTurn);
  }

  private readonly onTurn = (): void => {
    this.waiting = false;
    if (this.closed || this.paused) return;
    const target = this.target();
    this.filled = this.blob.now?.read(target, this.position) ?? 0;
    if (this.filled > 0) this.give();
    else this.readLater(target);
  };

  private readLater(target: Uint8Array): void {
    this.reading = true;
    this.blob.read(this.position, target).then(this.onRead, this.onReadFailed);
  }

  private readonly onRead = (bytes: number): void => {
    this.reading = false;
    if (this.closed || bytes === 0) {
      this.dropSlab();
      if (this.closed) this.blob.close();
      else this.fail(new LocalFailure(SHORT));
      return;
    }
    this.filled = bytes;
    this.give();
  };

  private readonly onReadFailed = (error: unknown): void => {
    this.reading = false;
    this.dropSlab();
    if (this.closed) this.blob.close();
    else this.fail(new LocalFailure('a stored blob could not be read', { cause: error }));
  };

  private give(): void {
    const { slab, pool } = this;
    if (slab === undefined || this.closed) return;
    const chunk = slab.buffer.subarray(0, this.filled);
    this.slab = undefined;
    this.position += this.filled;
    const pinned = pool.pin(chunk);
    // Nobody else has it: the sink's unpin alone brings it back.
    pool.retire(slab, isDrained);
    this.pace.note(this.filled, performance.now());
    const isLast = this.position === this.end;
    if (isLast) this.close();
    this.sink?.data(chunk, pinned);
    if (isLast) this.sink?.end();
    else this.readOn();
  }

  private finish(): void {
    this.close();
    this.sink?.end();
  }

  private fail(failure: LocalFailure): void {
    this.close();
    this.sink?.failed(failure);
  }

  /** Where the next read goes; ends at a multiple of its size, so that the reads after it are aligned. */
  private target(): Uint8Array {
    const slab = this.pool.take(this.pace.slabBytes(performance.now()));
    this.slab = slab;
    const size = slab.buffer.length;
    const ahead = this.position % Math.min(size, SMALL_SLAB);
    return slab.buffer.subarray(0, Math.min(size - ahead, this.end - this.position));
  }

  private dropSlab(): void {
    if (this.slab !== undefined) this.pool.retire(this.slab, isDrained);
    this.slab = undefined;
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    if (!this.reading) this.blob.close();
  }
}

const SHORT = 'a stored blob is shorter than it was';

function isDrained(): boolean {
  return true;
}
