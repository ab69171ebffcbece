import type { ServerResponse } from 'node:http';
import type { BufferPool, Slab } from '../upstream/buffer-pool.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import { endShort, resetConnection } from './end-connection.ts';
import type { Verifier } from './hold-back.ts';
import { LocalFailure } from './local-failure.ts';
import type { BlobContent, BlobFailure, BlobSink } from './open-blob.ts';
import type { WrongContent } from './wrong-content.ts';

/** How a delivery ended: one word for the log line and the metric. */
export type DeliveryOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'client_closed' }
  | { readonly kind: 'digest_mismatch' }
  | { readonly kind: 'incomplete'; readonly failure: Exclude<BlobFailure, WrongContent> };

export type DeliveryOptions = {
  /** Undefined: the content can not be verified, or has been before. */
  readonly verifier: Verifier | undefined;
  readonly pool: BufferPool;
  /** Bytes as they are handed to the client's socket. */
  readonly sent: { inc(bytes: number): void };
  /** Called with the first content byte. */
  readonly begun?: () => void;
  /** Called when everything has come and somebody else's verdict on it has not. */
  readonly judged?: () => void;
  /** Called when nothing is left but what the client has still to take. */
  readonly handedOver?: () => void;
  /** Called once, as soon as it is known how the delivery ends: before the connection closes and the log line is written. */
  readonly decided: (outcome: DeliveryOutcome) => void;
};

/**
 * Sends content after the header section, which the caller has written, and holds its end back until the verifier agrees
 * (docs/request-handling.md D9). Resolves when the response has ended, however it ended; never
 * rejects.
 */
export function deliverBlob(
  content: BlobContent,
  response: ServerResponse,
  options: DeliveryOptions,
): Promise<void> {
  return new Promise((resolve) => {
    const delivery = new Delivery(content, response, options, resolve);
    content.pipe(delivery);
    // Where no byte was at hand, or all of them wait for the verdict, the client shall know at least that they come: containerd
    // waits 30 s for a header section.
    if (!delivery.hasWritten) response.flushHeaders();
  });
}

class Delivery implements BlobSink {
  private readonly content: BlobContent;
  private readonly response: ServerResponse;
  private readonly pool: BufferPool;
  private readonly sent: { inc(bytes: number): void };
  private readonly begun: (() => void) | undefined;
  private readonly judged: (() => void) | undefined;
  private readonly handedOver: (() => void) | undefined;
  private readonly decided: (outcome: DeliveryOutcome) => void;
  private readonly resolve: () => void;
  private readonly verifier: Verifier | undefined;
  /** Slabs of writes that have not called back, in order: Node calls back in the order of the writes. */
  private readonly written: (Slab | undefined)[] = [];
  private held: Buffer[] = [];
  private position = 0;
  private settled = false;
  /** The response takes more, but a write has still to call back. */
  private isDrained = false;

  constructor(content: BlobContent, response: ServerResponse, options: DeliveryOptions, resolve: () => void) {
    this.content = content;
    this.response = response;
    this.pool = options.pool;
    this.sent = options.sent;
    this.begun = options.begun;
    this.judged = options.judged;
    this.handedOver = options.handedOver;
    this.decided = options.decided;
    this.resolve = resolve;
    this.verifier = options.verifier;
    response.on('drain', () => this.drained());
    response.once('finish', () => this.settle({ kind: 'ok' }));
    response.once('close', () => this.closed());
  }

  /** The header section has gone out, or nothing will. */
  get hasWritten(): boolean {
    return this.written.length > 0 || this.settled || this.response.writableEnded;
  }

  /**
   * Nothing that is written now is ever called back: Node discards it, or queues it for good, from the moment that the connection
   * ends; the response says so some events later.
   */
  private get isGone(): boolean {
    const { destroyed, socket } = this.response;
    return destroyed || (socket !== null && !socket.writable);
  }

  data(chunk: Buffer, slab: Slab | undefined): void {
    // Empty: what a source that ignores Range sends before the first byte that was asked for.
    if (chunk.length === 0 || this.isGone) {
      this.pool.unpin(slab);
      return;
    }
    const from = this.position;
    if (from === 0) this.begun?.();
    this.position += chunk.length;
    this.verifier?.update(chunk);
    const free = this.verifier === undefined ? chunk.length : Math.max(0, this.verifier.holdBackFrom - from);
    if (free >= chunk.length) {
      this.write(chunk, slab);
      return;
    }
    // Copied: at most the hold-back's 64 KiB, and the slab is free at once.
    this.held.push(Buffer.from(chunk.subarray(free)));
    if (free > 0) this.write(chunk.subarray(0, free), slab);
    else this.pool.unpin(slab);
  }

  end(): void {
    // What came since the client left went past the verifier: it has nothing to judge by.
    if (this.isGone) return;
    const matches = this.verifier?.matches() ?? true;
    if (typeof matches === 'boolean') {
      this.finish(matches);
      return;
    }
    this.judged?.();
    matches.then(
      (verdict) => this.finish(verdict),
      (error: unknown) => this.failed(asFailure(error)),
    );
  }

  private finish(matches: boolean): void {
    // The client may have left while the verdict was awaited.
    if (this.settled) return;
    if (!matches) {
      this.settle({ kind: 'digest_mismatch' });
      resetConnection(this.response);
      return;
    }
    for (const chunk of this.held) this.write(chunk, undefined);
    this.held = [];
    this.response.end();
    this.handedOver?.();
  }

  failed(failure: BlobFailure): void {
    if (this.settled || this.response.destroyed) return;
    if (failure.kind === 'digest_mismatch') {
      this.finish(false);
      return;
    }
    this.settle({ kind: 'incomplete', failure });
    endShort(this.response);
  }

  private write(chunk: Buffer, slab: Slab | undefined): void {
    this.written.push(slab);
    this.sent.inc(chunk.length);
    if (!this.response.write(chunk, this.onWritten)) this.content.pause();
  }

  private readonly onWritten = (): void => {
    this.pool.unpin(this.written.shift());
    if (this.isDrained) this.drained();
  };

  /**
   * Node says so before the last write calls back. The content goes on when the pool has that write's slab again: it is the one to
   * fill next, as it is still in the processor's cache.
   */
  private drained(): void {
    this.isDrained = this.written.length > 0;
    // The pool takes a slab back in a microtask.
    if (!this.isDrained) queueMicrotask(this.resume);
  }

  private readonly resume = (): void => {
    if (!this.settled && !this.response.writableEnded) this.content.resume();
  };

  private closed(): void {
    // A response that was queued behind another and never got the connection: Node drops its writes without a word.
    if (this.response.socket === null) for (const slab of this.written.splice(0)) this.pool.unpin(slab);
    if (!this.settled) {
      this.settle({ kind: 'client_closed' });
      this.content.cancel();
    }
    this.resolve();
  }

  private settle(outcome: DeliveryOutcome): void {
    if (this.settled) return;
    this.settled = true;
    this.decided(outcome);
  }
}

function asFailure(error: unknown): BlobFailure {
  if (error instanceof UpstreamFailure || error instanceof LocalFailure) return error;
  return new LocalFailure('the verdict on the blob failed', { cause: error });
}
