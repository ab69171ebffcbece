import type { RangeSpec } from '../../http/range.ts';
import type { BufferPool, Slab } from '../../upstream/buffer-pool.ts';
import { Pace } from '../../upstream/pace.ts';
import type { RateClock } from '../../upstream/rate-watch.ts';
import { LocalFailure } from '../local-failure.ts';
import type { BlobFailure, BlobSink, OpenedBlob, OpenResult } from '../open-blob.ts';
import { WrongBlob, WrongContent } from '../wrong-content.ts';
import { type OwnerMessage, type ReaderPort, toFailure } from './fill-messages.ts';
import type { LandedChunk } from './fill-port.ts';
import { createOpenVerdict } from './open-verdict.ts';
import { createReadable, type Readable } from './readable-pieces.ts';
import type { OpenSpoolFile, SpoolFile } from './spool-file.ts';
import { createSpoolWatch, type SpoolWatch } from './spool-watch.ts';

const WRONG = 'the blob has another digest';

/** Bytes. A source's buffer that a reader may hold whatever its pace: four times what it would read for itself at first. */
const LARGEST_FOR_ANYBODY = 256 * 1024;

export type FillReaderDeps = {
  readonly pool: BufferPool;
  readonly openFile: OpenSpoolFile;
  /** For tests. */
  readonly rateClock?: RateClock | undefined;
};

type Opened = Extract<OwnerMessage, { kind: 'opened' }>;
type Opening = { resolve(result: OpenResult | undefined): void; reject(error: unknown): void };

/**
 * One reader of a fill: knows the owner by its messages alone and reads the spool with a file of its own, at the pace of its
 * sink.
 */
export class FillReader {
  private readonly port: ReaderPort;
  private readonly range: RangeSpec | undefined;
  private readonly pool: BufferPool;
  private readonly openFile: OpenSpoolFile;
  private readonly disk: SpoolWatch;
  private opening: Opening | undefined;
  private opened: Opened | undefined;
  private pieces: Readable | undefined;
  private file: SpoolFile | undefined;
  private sink: BlobSink | undefined;
  /** Of the sources: what is there can still be read. */
  private failure: BlobFailure | undefined;
  /** What ends it as soon as there is a sink to be told. */
  private doom: BlobFailure | undefined;
  private position = 0;
  private toldPosition = -1;
  private readonly pace = new Pace();
  private isPaused = false;
  private isReading = false;
  /** For its turn to read from memory. */
  private isWaiting = false;
  /** Nothing more is told to the sink. */
  private isOver = false;
  private hasLeft = false;
  private readonly verdict = createOpenVerdict();

  constructor(port: ReaderPort, range: RangeSpec | undefined, deps: FillReaderDeps, opening: Opening) {
    this.port = port;
    this.range = range;
    this.pool = deps.pool;
    this.openFile = deps.openFile;
    this.disk = createSpoolWatch(
      () => this.broken(new LocalFailure('the disk does not answer')),
      deps.rateClock,
    );
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

  /** The next bytes that it wants are in memory, and it has nothing to do but to pass them on: the file is left alone. */
  private takeLanded({ position, bytes }: LandedChunk): void {
    const { opened, sink } = this;
    if (opened === undefined || sink === undefined || this.isOver || this.isPaused) return;
    // A read from the file that is under way brings what is before them.
    if (this.isReading || this.isWaiting || this.position < position) return;
    const wanted = bytes.subarray(this.position - position, opened.to - position);
    if (wanted.length === 0 || !this.mayHold(bytes.buffer.byteLength)) return;
    this.took(wanted, this.pool.pin(wanted));
  }

  /** A slow client, which does not get ahead of its kernel's buffers, shall not keep a source's. For each chunk: the pace is asked for last. */
  private mayHold(bytes: number): boolean {
    return bytes <= LARGEST_FOR_ANYBODY || bytes <= 2 * this.pace.slabBytes(performance.now());
  }

  private open(opened: Opened): void {
    if (this.opened === undefined) this.position = opened.from;
    this.opened = opened;
    this.pieces = createReadable(opened.have, opened.pieceBytes, opened.length);
    if (opened.isVerified) this.verdict.settle(true);
    if (this.file !== undefined) return;
    this.disk.began();
    this.openFile(opened.path).then(
      (file) => this.fileOpened(file),
      () => this.notOpened(opened.path),
    );
  }

  private fileOpened(file: SpoolFile): void {
    this.disk.cameBack();
    this.file = file;
    if (this.hasLeft) this.closeFile();
    else this.advance();
  }

  private notOpened(path: string): void {
    this.disk.cameBack();
    if (!this.hasLeft) this.port.post({ kind: 'not_opened', path });
  }

  /** Goes on as far as what is there allows: first to the answer of `readFill`, later byte by byte. */
  private advance(): void {
    if (this.opened === undefined) {
      if (this.failure !== undefined) this.refuse(this.failure);
      return;
    }
    if (this.file === undefined) return;
    if (this.opening === undefined) {
      this.pump();
      return;
    }
    const { from, to } = this.opened;
    if (from === to || this.available() > 0) this.settle(this.content(this.opened));
    else if (this.failure !== undefined) this.refuse(this.failure);
  }

  private available(): number {
    return this.pieces === undefined || this.opened === undefined
      ? 0
      : Math.min(this.pieces.end(this.position), this.opened.to) - this.position;
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

  private readonly onTurn = (): void => {
    this.isWaiting = false;
    this.pump(true);
  };

  /** @param isTurn it is its turn to read from memory */
  private pump(isTurn = false): void {
    if (this.isOver || this.isReading || this.isWaiting) return;
    if (this.sink === undefined || this.opened === undefined) return;
    if (this.position === this.opened.to) {
      this.end();
      return;
    }
    if (this.isPaused || this.file === undefined) return;
    const available = this.available();
    if (available <= 0) {
      if (this.failure !== undefined) this.fail(this.failure);
      else this.tellPosition();
      return;
    }
    if (isTurn || this.file.now === undefined) {
      this.read(this.file, available);
      return;
    }
    this.isWaiting = true;
    this.file.now.takeTurn(this.onTurn);
  }

  private read(file: SpoolFile, available: number): void {
    const slab = this.pool.take(this.pace.slabBytes(performance.now()));
    const target = slab.buffer.subarray(0, Math.min(slab.buffer.length, available));
    const bytesNow = file.now?.read(target, this.position) ?? 0;
    if (bytesNow > 0) {
      this.hasRead(slab, null, bytesNow);
      return;
    }
    this.isReading = true;
    this.disk.began();
    file.read(target, this.position, (error, bytes) => {
      this.isReading = false;
      this.disk.cameBack();
      this.hasRead(slab, error, bytes);
    });
  }

  private hasRead(slab: Slab, error: Error | null, bytes: number): void {
    const isWanted = !this.isOver && error === null && bytes > 0;
    const chunk = slab.buffer.subarray(0, bytes);
    if (isWanted) this.pool.pin(chunk);
    this.pool.retire(slab, () => true);
    if (isWanted) this.took(chunk, slab);
    else if (this.hasLeft) this.closeFile();
    else if (!this.isOver) this.broken(new LocalFailure('the spool can not be read', { cause: error }));
  }

  private took(chunk: Buffer, slab: Slab | undefined): void {
    const { pieceBytes = 1 } = this.opened ?? {};
    const isNewPiece =
      Math.floor(this.position / pieceBytes) !== Math.floor((this.position + chunk.length) / pieceBytes);
    this.position += chunk.length;
    this.pace.note(chunk.length, performance.now());
    if (isNewPiece) this.tellPosition();
    this.sink?.data(chunk, slab);
    this.pump();
  }

  private tellPosition(): void {
    if (this.toldPosition === this.position) return;
    this.toldPosition = this.position;
    this.port.post({ kind: 'position', position: this.position });
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
  private broken(failure: LocalFailure): void {
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
    this.disk.end();
    this.port.post({ kind: 'leave' });
    this.closeFile();
  }

  private closeFile(): void {
    if (this.isReading) return;
    this.file?.close();
    this.file = undefined;
  }
}
