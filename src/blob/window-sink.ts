import type { Slab } from '../upstream/buffer-pool.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { Answer } from './ask-source.ts';
import type { BlobFailure, BlobSink } from './open-blob.ts';

/** Lets through `length` bytes after the first `skip`, ends there, and takes a body that ends earlier for a failure. */
export class WindowSink implements BlobSink {
  private readonly sink: BlobSink;
  private readonly answer: Answer;
  private skip: number;
  private remaining: number;
  private done = false;

  constructor(sink: BlobSink, answer: Answer, skip: number, length: number) {
    this.sink = sink;
    this.answer = answer;
    this.skip = skip;
    this.remaining = length;
  }

  data(chunk: Buffer, slab: Slab | undefined): void {
    const from = Math.min(this.skip, chunk.length);
    this.skip -= from;
    const to = Math.min(chunk.length, from + this.remaining);
    this.remaining -= to - from;
    this.sink.data(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), slab);
    if (this.remaining === 0 && to < chunk.length) this.finish();
  }

  end(): void {
    if (this.remaining === 0) this.finish();
    else
      this.failed(new UpstreamFailure('http_response_incomplete', this.answer.where, 'the body ended early'));
  }

  failed(failure: BlobFailure): void {
    if (this.done) return;
    this.done = true;
    this.sink.failed(failure);
  }

  private finish(): void {
    if (this.done) return;
    this.done = true;
    this.sink.end();
    // Where the source ignored Range its tail is still on the way: not worth a byte. Ends nothing that has ended.
    this.answer.cancel();
  }
}
