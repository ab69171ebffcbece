import type { RangeSpec } from '../../http/range.ts';
import type { Slab } from '../../upstream/buffer-pool.ts';
import { LocalFailure } from '../local-failure.ts';
import type { BlobFailure, BlobSink, OpenedBlob, OpenResult } from '../open-blob.ts';
import { WrongBlob, WrongContent } from '../wrong-content.ts';
import { type OwnerMessage, type ReaderPort, toFailure } from './fill-messages.ts';
import type { LandedChunk } from './fill-port.ts';
import { createOpenVerdict } from './open-verdict.ts';
import { createReadable, type Readable } from './readable-pieces.ts';
import { type ReadingOwner, SpoolReading, type SpoolReadingDeps } from './spool-reading.ts';

const WRONG = 'the blob has another digest';

type Opened = Extract<OwnerMessage, { kind: 'opened' }>;
type Opening = { resolve(result: OpenResult | undefined): void; reject(error: unknown): void };

/** One reader of a fill: knows the owner by its messages alone, and reads the spool as far as they say, at the pace of its sink. */
export class FillReader implements ReadingOwner {
  private readonly port: ReaderPort;
  private readonly range: RangeSpec | undefined;
  private readonly reading: SpoolReading;
  private opening: Opening | undefined;
  private opened: Opened | undefined;
  private pieces: Readable | undefined;
  private sink: BlobSink | undefined;
  /** Of the sources: what is there can still be read. */
  private failure: BlobFailure | undefined;
  /** What ends it as soon as there is a sink to be told. */
  private doom: BlobFailure | undefined;
  private toldPosition = -1;
  private isPaused = false;
  /** Its first byte is on its way, and may be for long: the client is told that much (containerd waits 30 s for a header section). */
  private isComing = false;
  /** Nothing more is told to the sink. */
  private isOver = false;
  private hasLeft = false;
  private readonly verdict = createOpenVerdict();

  constructor(port: ReaderPort, range: RangeSpec | undefined, deps: SpoolReadingDeps, opening: Opening) {
    this.port = port;
    this.range = range;
    this.reading = new SpoolReading(this, deps);
    this.opening = opening;
  }

  join(): void {
    this.port.listen((message, chunk) => this.heard(message, chunk));
    this.port.post({ kind: 'join', range: this.range });
  }

  cancel(): void {
    this.isOver = true;
    this.opening = undefined;
    this.verdict.fail(new LocalFailure('the reader has left'));
    this.leave();
  }

  private heard(message: OwnerMessage, chunk: LandedChunk | undefined): void {
    if (this.hasLeft) return;
    switch (message.kind) {
      case 'opened':
        this.open(message);
        return;
      case 'unsatisfiable':
        this.settle({ kind: 'unsatisfiable', completeLength: message.length });
        this.leave();
        return;
      case 'unavailable':
        this.settle(undefined);
        this.leave();
        return;
      case 'progress':
        this.pieces?.progress(message.piece, message.bytes);
        break;
      case 'piece':
        this.pieces?.add(message.piece);
        break;
      case 'coming':
        this.isComing = true;
        break;
      case 'verified':
        this.judge(true);
        return;
      case 'mismatch':
        this.judge(false);
        return;
      case 'failed':
        this.failure = toFailure(message.failure);
        break;
      case 'resumed':
        this.failure = undefined;
        break;
      case 'broken':
        this.broken(new LocalFailure(message.message));
        return;
    }
    if (chunk !== undefined) this.takeLanded(chunk);
    this.advance();
  }

  /** The next bytes that it wants are in memory, and it has nothing to do but to pass them on. */
  private takeLanded(chunk: LandedChunk): void {
    const { opened, sink } = this;
    if (opened === undefined || sink === undefined || this.isOver || this.isPaused) return;
    this.reading.takeLanded(chunk, opened.to);
  }

  private open(opened: Opened): void {
    if (this.opened === undefined) this.reading.beginAt(opened.from);
    this.opened = opened;
    this.pieces = createReadable(opened.have, opened.pieceBytes, opened.length);
    if (opened.isVerified) this.verdict.settle(true);
    if (!this.reading.isOpen) this.reading.open(opened.path);
  }

  fileOpened(): void {
    this.advance();
  }

  notOpened(path: string): void {
    this.port.post({ kind: 'not_opened', path });
  }

  /** Goes on as far as what is there allows: first to the answer of `readFill`, later byte by byte. */
  private advance(): void {
    if (this.opened === undefined) {
      if (this.failure !== undefined) this.refuse(this.failure);
      return;
    }
    if (!this.reading.isOpen) return;
    if (this.opening === undefined) {
      this.pump();
      return;
    }
    const { from, to } = this.opened;
    if (from === to || this.available() > 0) this.settle(this.content(this.opened));
    else if (this.failure !== undefined) this.refuse(this.failure);
    else if (this.isComing) this.settle(this.content(this.opened));
  }

  private available(): number {
    const { position } = this.reading;
    return this.pieces === undefined || this.opened === undefined
      ? 0
      : Math.min(this.pieces.end(position), this.opened.to) - position;
  }

  private content({ from, to, length }: Opened): OpenedBlob {
    return {
      kind: 'content',
      completeLength: length,
      range: this.range === undefined ? undefined : { firstPos: from, lastPos: to - 1 },
      length: to - from,
      ...(this.isWhole && { verdict: this.verdict.asVerdict() }),
      pipe: (sink) => {
        this.sink = sink;
        if (this.doom !== undefined) this.fail(this.doom);
        else if (this.verdict.matches === false) this.judge(false);
        else this.pump();
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
        this.pump();
      },
      cancel: () => this.cancel(),
    };
  }

  private get isWhole(): boolean {
    return this.opened !== undefined && this.opened.to - this.opened.from === this.opened.length;
  }

  private judge(matches: boolean): void {
    this.verdict.settle(matches);
    if (this.isOver) this.leave();
    if (matches) return;
    if (this.opening !== undefined) {
      this.refuse(new WrongBlob('http_protocol_error', 'storage', WRONG));
      return;
    }
    // Whoever takes the whole asks for the verdict at the end, wherever that is.
    if (!this.isWhole) this.fail(new WrongContent(WRONG));
    else if (this.sink !== undefined) this.end();
  }

  turn(): void {
    this.pump(true);
  }

  /** @param isTurn it is its turn to read from memory */
  private pump(isTurn = false): void {
    const { reading } = this;
    if (this.isOver || reading.isBusy) return;
    if (this.sink === undefined || this.opened === undefined) return;
    if (reading.position === this.opened.to) {
      this.end();
      return;
    }
    if (this.isPaused || !reading.isOpen) return;
    const available = this.available();
    if (available > 0) reading.next(available, isTurn);
    else if (this.failure !== undefined) this.fail(this.failure);
    else this.tellPosition();
  }

  took(chunk: Buffer, slab: Slab | undefined): void {
    const { position } = this.reading;
    const { pieceBytes = 1 } = this.opened ?? {};
    const isNewPiece =
      Math.floor((position - chunk.length) / pieceBytes) !== Math.floor(position / pieceBytes);
    if (isNewPiece) this.tellPosition();
    this.sink?.data(chunk, slab);
    this.pump();
  }

  private tellPosition(): void {
    const { position } = this.reading;
    if (this.toldPosition === position) return;
    this.toldPosition = position;
    this.port.post({ kind: 'position', position });
  }

  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sink?.end();
    // The verdict is still to come for a whole: the owner must know that somebody waits.
    if (!this.isWhole || this.verdict.matches !== undefined) this.leave();
    else this.tellPosition();
  }

  private fail(failure: BlobFailure): void {
    if (this.isOver) return;
    if (this.sink === undefined) {
      this.doom = failure;
      return;
    }
    this.isOver = true;
    this.sink.failed(failure);
    this.leave();
  }

  /** Berth's own fault: nothing was sent yet, so a stream can still take over; later it is a failure. */
  broken(failure: LocalFailure): void {
    this.failure = failure;
    this.verdict.fail(failure);
    if (this.opening !== undefined) {
      this.settle(undefined);
      this.leave();
      return;
    }
    if (this.isOver) this.leave();
    else this.fail(failure);
  }

  private refuse(failure: BlobFailure): void {
    const { opening } = this;
    this.opening = undefined;
    opening?.reject(failure);
    this.cancel();
  }

  private settle(result: OpenResult | undefined): void {
    const { opening } = this;
    this.opening = undefined;
    opening?.resolve(result);
  }

  private leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.port.post({ kind: 'leave' });
    this.reading.close();
  }
}
