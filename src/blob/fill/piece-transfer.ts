import type { BufferPool, Slab } from '../../upstream/buffer-pool.ts';
import { classifyFailure, UpstreamFailure } from '../../upstream/failure.ts';
import { type Answer, ask, type BodyTags } from '../ask-source.ts';
import type { BlobSource } from '../blob-source.ts';
import { readAnswer } from '../read-answer.ts';
import type { FillSource } from './fill-sources.ts';
import { type QueuedWrite, WriteQueue } from './write-queue.ts';

/** What a transfer tells the fill it belongs to. */
export type TransferOwner = {
  readonly length: number;
  readonly pieceBytes: number;
  readonly pool: Pick<BufferPool, 'unpin'>;
  /**
   * The source ignores Range and sends everything from the first byte on. False: another already does, so this one ends.
   */
  leads(transfer: PieceTransfer): Promise<boolean>;
  /** What to ask. */
  toAsk(transfer: PieceTransfer): { readonly source: BlobSource; readonly tags: BodyTags };
  /** @throws UpstreamFailure where what the source says of itself is not what it said before */
  answered(transfer: PieceTransfer, answer: Answer): void;
  /**
   * Of a transfer that is not the only one for what it brings, and has come to `position`: from where on it is wanted in this
   * piece, undefined for not at all. `wait`: it is, but somebody else's write must end first; `proceed` is called then.
   */
  claim(transfer: PieceTransfer, piece: number, position: number): number | 'wait' | undefined;
  write(position: number, bytes: Buffer): Promise<void>;
  /** The bytes can be read from the file; they are still in memory until this returns, and for the microtasks that it has queued. */
  landed(transfer: PieceTransfer, position: number, bytes: Buffer): void;
  /** Once; nothing of the transfer is under way any more. */
  ended(transfer: PieceTransfer, end: TransferEnd): void;
};

export type TransferEnd =
  | { readonly kind: 'complete' }
  | { readonly kind: 'aborted' }
  /** Another one brings the rest. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure }
  /** The disk did not take it. */
  | { readonly kind: 'spool_failed'; readonly error: unknown };

/** Bytes that wait for the disk before the source is made to wait. */
const HIGH_WATER = 1024 * 1024;
/** Bytes of one write: more gains nothing. */
const MAX_WRITE = 1024 * 1024;

/** One request for `from` (inclusive) to `to` (exclusive), which lie within one piece, written as they come. */
export class PieceTransfer {
  readonly source: FillSource;
  readonly piece: number;
  /** Everything from the first byte of the blob on comes through this one. */
  isLeading = false;
  /** It was started beside another one for the same piece. */
  readonly isHedge: boolean;
  /** Bytes of the body that have come. */
  receivedBytes = 0;
  /** Bytes that have landed. */
  landedBytes = 0;
  private readonly owner: TransferOwner;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  private readonly ending = new AbortController();
  private answer: Answer | undefined;
  private readonly queue = new WriteQueue();
  private isPaused = false;
  private isWriting = false;
  /** Position of the next byte of the body. */
  private position: number;
  private bodyEnd = 0;
  private end: TransferEnd | undefined;
  private isOver = false;

  constructor(
    owner: TransferOwner,
    source: FillSource,
    range: { readonly piece: number; readonly from: number; readonly to: number },
    isHedge = false,
  ) {
    this.owner = owner;
    this.isHedge = isHedge;
    this.source = source;
    this.piece = range.piece;
    this.from = range.from;
    this.to = range.to;
    this.position = range.from;
  }

  /** Everything of the blob before it has come in, as far as this one brings it. */
  get nextByte(): number {
    return this.position;
  }

  get origin(): string {
    return (this.source.resolved ?? this.source.source).origin;
  }

  start(): void {
    this.open().catch((error: unknown) => {
      this.finish({ kind: 'failed', failure: classifyFailure(error, this.source.source.where) });
    });
  }

  abort(): void {
    this.finish({ kind: 'aborted' });
  }

  /** The rest is brought by another one; what has come stays. */
  yield(): void {
    this.finish({ kind: 'overtaken' });
  }

  /** What it had to wait for has ended. */
  proceed(): void {
    this.write();
  }

  private async open(): Promise<void> {
    const range = { firstPos: this.from, lastPos: this.to - 1 };
    const { source, tags } = this.owner.toAsk(this);
    const answer = await ask({ source, signal: this.ending.signal }, range, tags);
    this.answer = answer;
    if (this.end !== undefined) {
      answer.cancel();
      return;
    }
    const read = readAnswer(answer.status, answer.headers, range, this.owner.length);
    if (read.kind !== 'content') {
      const kind = read.kind === 'failed' ? read.failure : 'http_protocol_error';
      const message =
        read.kind === 'failed' ? read.message : `no bytes ${this.from}-${this.to - 1} (${read.kind})`;
      throw new UpstreamFailure(kind, answer.where, message, read.kind === 'failed' ? read : {});
    }
    this.owner.answered(this, answer);
    this.position = read.bodyFrom;
    this.bodyEnd = read.bodyFrom + read.bodyLength;
    this.isLeading = read.bodyFrom !== this.from || this.bodyEnd !== this.to;
    answer.sink = {
      data: (chunk, slab) => this.data(chunk, slab),
      end: () => this.bodyEnded(),
      failed: (error) => this.finish({ kind: 'failed', failure: classifyFailure(error, answer.where) }),
    };
    // Nothing flows before `resume`.
    if (this.isLeading && !(await this.owner.leads(this))) this.finish({ kind: 'aborted' });
    else answer.transfer.resume();
  }

  private data(chunk: Buffer, slab: Slab | undefined): void {
    const room = this.bodyEnd - this.position;
    this.receivedBytes += chunk.length;
    // undici gives out an empty chunk now and then, when it goes on after a pause.
    if (this.end !== undefined || room <= 0 || chunk.length === 0) {
      this.owner.pool.unpin(slab);
      return;
    }
    const bytes = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.queue.push(this.position, bytes, slab);
    this.position += bytes.length;
    this.write();
    // Last: what the write took counts no more, and a source is not to be resumed while it is being paused.
    if (this.queue.bytes >= HIGH_WATER && !this.isPaused) {
      this.isPaused = true;
      this.answer?.transfer.pause();
    }
  }

  private bodyEnded(): void {
    if (this.position === this.bodyEnd) this.finish({ kind: 'complete' });
    else {
      const where = this.answer?.where ?? this.source.source.where;
      const failure = new UpstreamFailure('http_response_incomplete', where, 'the body ended early');
      this.finish({ kind: 'failed', failure });
    }
  }

  private write(): void {
    if (this.isWriting) return;
    // Before anything is taken: that may resume the source, whose bytes come in here at once.
    this.isWriting = true;
    const pending = this.take();
    if (pending === undefined) {
      this.isWriting = false;
      this.settle();
      return;
    }
    this.owner.write(pending.position, pending.bytes).then(
      () => this.written(pending),
      (error: unknown) => this.notWritten(pending, error),
    );
  }

  private written({ position, bytes, slabs }: QueuedWrite): void {
    this.isWriting = false;
    this.landedBytes += bytes.length;
    this.owner.landed(this, position, bytes);
    // Readers hear of the bytes in a microtask, and may take them as they are.
    queueMicrotask(() => this.release(slabs));
    this.write();
  }

  private notWritten({ slabs }: QueuedWrite, error: unknown): void {
    this.isWriting = false;
    this.release(slabs);
    // Whoever goes on from here counts on every byte that has come.
    if (this.end !== undefined && this.end.kind !== 'aborted') this.end = { kind: 'spool_failed', error };
    else this.finish({ kind: 'spool_failed', error });
    this.dropQueue();
    this.settle();
  }

  /** The next bytes to write, none across the end of a piece. */
  private take(): QueuedWrite | undefined {
    if (!this.skipUnwanted()) return undefined;
    const { position } = this.queue;
    if (position === undefined) return undefined;
    const { pieceBytes } = this.owner;
    const pieceEnd = (Math.floor(position / pieceBytes) + 1) * pieceBytes;
    const write = this.queue.take(Math.min(MAX_WRITE, pieceEnd - position));
    this.resume();
    return write;
  }

  /** What others bring or have brought. False: what comes next has to wait for them. */
  private skipUnwanted(): boolean {
    if (!this.isLeading && !this.isHedge) return true;
    for (let at = this.queue.position; at !== undefined; at = this.queue.position) {
      const piece = Math.floor(at / this.owner.pieceBytes);
      const pieceEnd = Math.min(this.owner.length, (piece + 1) * this.owner.pieceBytes);
      const claimed = this.owner.claim(this, piece, at);
      if (claimed === 'wait') return false;
      const skipped = Math.min(this.queue.firstBytes, Math.max(0, (claimed ?? pieceEnd) - at));
      if (skipped === 0) return true;
      this.owner.pool.unpin(this.queue.skip(skipped));
      this.resume();
    }
    return true;
  }

  /** The source, when little waits for the disk: its bytes may come in here at once, and what comes of them may end this. */
  private resume(): void {
    if (!this.isPaused || this.queue.bytes > HIGH_WATER / 2) return;
    this.isPaused = false;
    this.answer?.transfer.resume();
  }

  private finish(end: TransferEnd): void {
    if (this.end !== undefined) return;
    this.end = end;
    if (end.kind !== 'complete') {
      this.answer?.cancel();
      this.ending.abort(
        new UpstreamFailure('connection_terminated', this.source.source.where, 'the fill ended'),
      );
      // What has come before the source failed is as good as if it had not.
      if (end.kind === 'aborted' || end.kind === 'spool_failed') this.dropQueue();
    }
    this.write();
  }

  private dropQueue(): void {
    this.release(this.queue.drop());
  }

  private release(slabs: readonly (Slab | undefined)[]): void {
    for (const slab of slabs) this.owner.pool.unpin(slab);
  }

  private settle(): void {
    if (this.end === undefined || this.isOver || this.isWriting || this.queue.bytes > 0) return;
    this.isOver = true;
    this.owner.ended(this, this.end);
  }
}
