import type { MultipartByteranges } from '../http/multipart-byteranges.ts';
import type { ByteRange } from '../http/range.ts';
import type { BufferPool, Slab } from '../upstream/buffer-pool.ts';
import { UpstreamFailure, type UpstreamRole } from '../upstream/failure.ts';
import { asFailure } from './as-failure.ts';
import type { BlobContent, BlobFailure, BlobSink, OpenedBlob, OpenResult } from './open-blob.ts';
import type { Run } from './plan-runs.ts';

export type MultipartOptions = {
  readonly ranges: readonly ByteRange[];
  /** Of those ranges; the first is the one that `first` was opened for. */
  readonly runs: readonly Run[];
  readonly frame: MultipartByteranges;
  readonly first: OpenedBlob;
  /** See `OpenOptions.throughTo`. */
  readonly open: (range: ByteRange, throughTo: number) => Promise<OpenResult>;
  readonly pool: BufferPool;
  /** For the failure where the blob is not what it was said to be. */
  readonly where: UpstreamRole;
};

/**
 * Several ranges of a blob as one multipart body (docs/request-handling.md D5): one run after the other is opened when the one
 * before it has ended and the client takes more, so it costs one connection to the source, whatever was asked for.
 */
export function multipartContent(options: MultipartOptions): BlobContent {
  return new MultipartContent(options);
}

/** Where a transfer of the run that begins with range number `from` may go on to: the last range before one that lies further back. */
export function endOfAscent(ranges: readonly ByteRange[], from: number): number {
  let end = ranges[from]?.lastPos ?? 0;
  for (let index = from + 1; index < ranges.length; index += 1) {
    const range = ranges[index];
    if (range === undefined || range.firstPos <= end) break;
    end = range.lastPos;
  }
  return end;
}

class MultipartContent implements BlobContent, BlobSink {
  readonly length: number;
  private readonly options: MultipartOptions;
  private sink: BlobSink | undefined;
  private current: OpenedBlob | undefined;
  /** Absolute position of the next byte of `current`. */
  private position = 0;
  /** Number of the range whose bytes come next. */
  private index = 0;
  /** What `index` was when `current` began. */
  private indexAtStart = 0;
  private paused = false;
  /** A run has ended and the client takes nothing: the next one is opened when it does. */
  private nextIsDue = false;
  private done = false;

  constructor(options: MultipartOptions) {
    this.options = options;
    this.length = options.frame.contentLength;
    this.current = options.first;
  }

  pipe(sink: BlobSink): void {
    this.sink = sink;
    sink.data(this.options.frame.head(0), undefined);
    this.start(this.options.first);
  }

  pause(): void {
    this.paused = true;
    this.current?.pause();
  }

  resume(): void {
    this.paused = false;
    if (this.nextIsDue) this.openNext();
    else this.current?.resume();
  }

  cancel(): void {
    this.done = true;
    this.current?.cancel();
  }

  data(chunk: Buffer, slab: Slab | undefined): void {
    const { ranges, pool } = this.options;
    let range = ranges[this.index];
    // Most chunks lie inside one range as a whole.
    if (range !== undefined && this.position >= range.firstPos) {
      const left = range.lastPos + 1 - this.position;
      if (chunk.length < left) {
        this.position += chunk.length;
        this.sink?.data(chunk, slab);
        return;
      }
    }
    const start = this.position;
    const end = start + chunk.length;
    while (range !== undefined && range.firstPos < end && !this.done) {
      const from = Math.max(this.position, range.firstPos);
      const to = Math.min(end, range.lastPos + 1);
      // The next range lies before this transfer's bytes: it is another run's.
      if (to <= from) break;
      const slice = chunk.subarray(from - start, to - start);
      this.sink?.data(slice, pool.pin(slice));
      this.position = to;
      if (to <= range.lastPos) break;
      this.finishRange();
      range = ranges[this.index];
    }
    this.position = end;
    pool.unpin(slab);
  }

  end(): void {
    this.current = undefined;
    if (this.done) return;
    if (this.index === this.indexAtStart) {
      // Asking again could go on for ever, and would begin a range anew that has been sent in part.
      this.failed(
        new UpstreamFailure('http_response_incomplete', this.options.where, 'a range ended before its end'),
      );
    } else if (this.index >= this.options.ranges.length) {
      this.done = true;
      this.sink?.end();
    } else if (this.paused) this.nextIsDue = true;
    else this.openNext();
  }

  failed(failure: BlobFailure): void {
    this.current = undefined;
    if (this.done) return;
    this.done = true;
    this.sink?.failed(failure);
  }

  private start(opened: OpenedBlob): void {
    this.current = opened;
    this.indexAtStart = this.index;
    this.position = opened.range?.firstPos ?? 0;
    opened.pipe(this);
    if (this.paused) opened.pause();
  }

  private finishRange(): void {
    const { frame, ranges } = this.options;
    this.index += 1;
    this.sink?.data(this.index < ranges.length ? frame.head(this.index) : frame.tail, undefined);
  }

  private openNext(): void {
    this.nextIsDue = false;
    const { open, ranges } = this.options;
    const firstPos = ranges[this.index]?.firstPos ?? 0;
    open({ firstPos, lastPos: this.endOfRun() }, endOfAscent(ranges, this.index)).then(
      (opened) => this.opened(opened),
      (error: unknown) => this.failed(asFailure(error, 'the next range could not be opened')),
    );
  }

  private opened(opened: OpenResult): void {
    if (this.done || opened.completeLength !== this.options.first.completeLength) {
      if (opened.kind === 'content') opened.cancel();
      this.failed(
        new UpstreamFailure(
          'http_protocol_error',
          this.options.where,
          'the length of the blob changed amid it',
        ),
      );
    } else if (opened.kind === 'unsatisfiable') {
      this.failed(
        new UpstreamFailure('http_protocol_error', this.options.where, 'a range that the blob had is gone'),
      );
    } else this.start(opened);
  }

  /** A transfer may have brought more than its own run, so the next one may begin amid a run. */
  private endOfRun(): number {
    let before = 0;
    for (const run of this.options.runs) {
      before += run.count;
      if (this.index < before) return run.lastPos;
    }
    throw new RangeError(`range ${this.index} belongs to no run`);
  }
}
