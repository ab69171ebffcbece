import type { BlobContent, BlobFailure, BlobSink, OpenedBlob } from '../../src/blob/open-blob.ts';
import type { ByteRange } from '../../src/http/range.ts';
import { type BufferPool, SMALL_SLAB } from '../../src/upstream/buffer-pool.ts';

export type Behaviour = {
  /** Bytes of one chunk, at most a slab. */
  readonly chunkBytes: number;
  /** Sends the range up to `throughTo`, as `openBlob` does with a source that sends the whole. */
  readonly ignoresRange?: boolean;
  readonly throughTo?: number;
  /** Positions where it fails, or ends as if it were done. */
  readonly failsAt?: number;
  readonly failure?: BlobFailure;
  readonly endsAt?: number;
};

/** A range of bytes in memory as an opened blob: chunks in slabs of the pool, one per turn while it is not paused. */
export function memoryBlob(
  bytes: Buffer,
  wanted: ByteRange,
  behaviour: Behaviour & { readonly pool: BufferPool },
): OpenedBlob {
  const { pool, ignoresRange = false, failsAt, failure, endsAt } = behaviour;
  const lastPos = ignoresRange ? Math.max(wanted.lastPos, behaviour.throughTo ?? 0) : wanted.lastPos;
  const range = { firstPos: wanted.firstPos, lastPos };
  let position = range.firstPos;
  let sink: BlobSink | undefined;
  let paused = true;
  let scheduled = false;
  let done = false;

  function step(): void {
    scheduled = false;
    if (paused || done || sink === undefined) return;
    const stop = Math.min(lastPos + 1, failsAt ?? Infinity, endsAt ?? Infinity);
    if (position >= stop) {
      done = true;
      if (failure !== undefined && position === failsAt) sink.failed(failure);
      else sink.end();
      return;
    }
    const length = Math.min(behaviour.chunkBytes, SMALL_SLAB, stop - position);
    const slab = pool.take(0);
    const count = bytes.copy(slab.buffer, 0, position, position + length);
    const chunk = slab.buffer.subarray(0, count);
    position += count;
    const pinned = pool.pin(chunk);
    pool.retire(slab, () => true);
    sink.data(chunk, pinned);
    schedule();
  }

  function schedule(): void {
    if (scheduled || done) return;
    scheduled = true;
    setImmediate(step);
  }

  return {
    kind: 'content',
    completeLength: bytes.length,
    range,
    length: lastPos - range.firstPos + 1,
    rangeIgnored: ignoresRange,
    pipe(to) {
      sink = to;
      this.resume();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      schedule();
    },
    cancel() {
      done = true;
    },
  };
}

/** All bytes of the content; pauses for a turn after every so many chunks. Rejects with its failure. */
export function collect(
  content: BlobContent,
  pool: BufferPool,
  { pauseEvery = Infinity }: { readonly pauseEvery?: number } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    content.pipe({
      data(chunk, slab) {
        chunks.push(Buffer.from(chunk));
        pool.unpin(slab);
        if (chunks.length % pauseEvery !== 0) return;
        content.pause();
        setImmediate(() => content.resume());
      },
      end: () => resolve(Buffer.concat(chunks)),
      failed: reject,
    });
  });
}
