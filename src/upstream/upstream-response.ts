import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { ContentTooLarge, ContentTooSlow, DOCUMENT_MS } from '../http/bounded-content.ts';
import { parseContentLength } from '../http/content-length.ts';
import { BodyReadable, type BodyStream } from './undici.ts';

/** Whoever gets one owes the body: `read` it, read `body` to its end or `destroy()` it, or say with `drop` that nobody wants it. */
export type UpstreamResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As a stream, which is made when it is first asked for: most answers are small documents, and a stream costs more than they do. */
  readonly body: BodyStream;
  /**
   * All of the body, at most `maxBytes`, within a time; only once, and not where `body` was asked for. Rejects with
   * `ContentTooLarge`, `ContentTooSlow`, or what ended the answer.
   */
  read(maxBytes: number): Promise<Buffer>;
  /** Reads what is left where that is at most `maxBytes` and comes within the time, so that the connection can be used again; else cuts it off. */
  drop(maxBytes: number, withinMs: number): void;
};

/** Bytes that wait for their reader before the connection pauses; undici's own bodies keep as many. */
const WAITING_BYTES = 64 * 1024;

type Reader = {
  readonly maxBytes: number;
  readonly resolve: (content: Buffer) => void;
  readonly reject: (reason: Error) => void;
};

/** Given to undici, which otherwise makes an error of its own; nobody hears of it. */
class BodyUnwanted extends Error {
  override readonly name = 'BodyUnwanted';
  readonly code = 'ABORT_ERR';
}

/** An answer as it comes in from undici's events. */
export class IncomingResponse implements UpstreamResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  private readonly controller: Dispatcher.DispatchController;
  /** What has come and nobody has taken. */
  private chunks: Buffer[] = [];
  private length = 0;
  private isWhole = false;
  private isDropped = false;
  private failure: Error | undefined;
  private reader: Reader | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private stream: BodyStream | undefined;

  constructor(status: number, headers: IncomingHttpHeaders, controller: Dispatcher.DispatchController) {
    this.status = status;
    this.headers = headers;
    this.controller = controller;
  }

  get body(): BodyStream {
    if (this.stream !== undefined) return this.stream;
    const { controller } = this;
    const stream = new BodyReadable({
      resume: () => controller.resume(),
      abort: () => controller.abort(new BodyUnwanted()),
      contentLength: null,
    });
    this.stream = stream;
    for (const chunk of this.chunks) stream.push(chunk);
    this.chunks = [];
    if (this.failure !== undefined) destroyQuietly(stream, this.failure);
    else if (this.isWhole) stream.push(null);
    return stream;
  }

  read(maxBytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) reject(this.failure);
      else if (this.length > maxBytes) {
        const reason = new ContentTooLarge(maxBytes);
        // Of an answer that is whole the connection is another request's by now.
        if (!this.isWhole) this.abort(reason);
        reject(reason);
      } else if (this.isWhole) resolve(this.takeContent());
      else {
        this.deadline = setTimeout(() => this.abort(new ContentTooSlow(DOCUMENT_MS)), DOCUMENT_MS);
        this.reader = { maxBytes, resolve, reject };
        this.controller.resume();
      }
    });
  }

  drop(maxBytes: number, withinMs: number): void {
    if (this.isWhole || this.failure !== undefined) return;
    const left = parseContentLength(this.headers['content-length']);
    const cutOff = (): void => this.abort(new BodyUnwanted());
    if (left === undefined || left > maxBytes) {
      cutOff();
      return;
    }
    this.isDropped = true;
    this.chunks = [];
    this.deadline = setTimeout(cutOff, withinMs);
    this.controller.resume();
  }

  /** Something of the body has come. */
  push(chunk: Buffer): void {
    if (this.stream !== undefined) {
      if (!this.stream.push(chunk)) this.controller.pause();
      return;
    }
    if (this.isDropped) return;
    this.length += chunk.length;
    this.chunks.push(chunk);
    if (this.reader === undefined) {
      if (this.length >= WAITING_BYTES) this.controller.pause();
    } else if (this.length > this.reader.maxBytes) {
      this.abort(new ContentTooLarge(this.reader.maxBytes));
    }
  }

  /** All of the body has come. */
  end(): void {
    this.isWhole = true;
    clearTimeout(this.deadline);
    this.stream?.push(null);
    this.reader?.resolve(this.takeContent());
  }

  /** No more comes. */
  fail(reason: Error): void {
    if (this.isWhole || this.failure !== undefined) return;
    this.failure = reason;
    this.chunks = [];
    clearTimeout(this.deadline);
    if (this.stream !== undefined) destroyQuietly(this.stream, reason);
    this.reader?.reject(reason);
  }

  /** Ends it from here, and the connection with it. */
  abort(reason: Error): void {
    this.fail(reason);
    this.controller.abort(reason);
  }

  private takeContent(): Buffer {
    // A copy: a chunk keeps all that was read with it alive, the header section as well.
    const content = Buffer.concat(this.chunks, this.length);
    this.chunks = [];
    return content;
  }
}

/** What has been pushed is read before it ends; an error that nobody listens for would end the process. */
function destroyQuietly(stream: BodyStream, reason: Error): void {
  queueMicrotask(() => stream.on('error', () => undefined).destroy(reason));
}
