import type { BufferPool, Slab } from '../../upstream/buffer-pool.ts';
import { Pace } from '../../upstream/pace.ts';
import type { RateClock } from '../../upstream/rate-watch.ts';
import { LocalFailure } from '../local-failure.ts';
import type { LandedChunk } from './fill-port.ts';
import type { OpenSpoolFile, SpoolFile } from './spool-file.ts';
import { createSpoolWatch, type SpoolWatch } from './spool-watch.ts';

/** Bytes. A source's buffer that a reader may hold whatever its pace: four times what it would read for itself at first. */
const LARGEST_FOR_ANYBODY = 256 * 1024;

export type SpoolReadingDeps = {
  readonly pool: BufferPool;
  readonly openFile: OpenSpoolFile;
  /** For tests. */
  readonly rateClock?: RateClock | undefined;
};

/** Whoever takes what is read. */
export type ReadingOwner = {
  fileOpened(): void;
  /** There is nothing under this name, or no more. */
  notOpened(path: string): void;
  /** The bytes before `position`; `slab` is pinned for the owner. */
  took(chunk: Buffer, slab: Slab | undefined): void;
  /** It is its turn to read from memory. */
  turn(): void;
  broken(failure: LocalFailure): void;
};

/**
 * Reads a spool in order, one read at a time, with a file of its own, in portions by the pace at which they are taken; what has
 * just come in is taken from memory, and the file is left alone.
 */
export class SpoolReading {
  private readonly owner: ReadingOwner;
  private readonly pool: BufferPool;
  private readonly openFile: OpenSpoolFile;
  private readonly disk: SpoolWatch;
  private readonly pace = new Pace();
  private file: SpoolFile | undefined;
  private nextByte = 0;
  private isReading = false;
  /** For its turn to read from memory. */
  private isWaiting = false;
  private isClosed = false;

  constructor(owner: ReadingOwner, deps: SpoolReadingDeps) {
    this.owner = owner;
    this.pool = deps.pool;
    this.openFile = deps.openFile;
    this.disk = createSpoolWatch(
      () => owner.broken(new LocalFailure('the disk does not answer')),
      deps.rateClock,
    );
  }

  /** Of the next byte. */
  get position(): number {
    return this.nextByte;
  }

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** The next bytes are on their way already. */
  get isBusy(): boolean {
    return this.isReading || this.isWaiting;
  }

  beginAt(position: number): void {
    this.nextByte = position;
  }

  open(path: string): void {
    this.disk.began();
    this.openFile(path).then(
      (file) => this.fileOpened(file),
      () => this.notOpened(path),
    );
  }

  private fileOpened(file: SpoolFile): void {
    this.disk.cameBack();
    this.file = file;
    if (this.isClosed) this.closeFile();
    else this.owner.fileOpened();
  }

  private notOpened(path: string): void {
    this.disk.cameBack();
    if (!this.isClosed) this.owner.notOpened(path);
  }

  /**
   * Brings some of the next `available` bytes; where it is not its turn, it waits for that first.
   *
   * @param isTurn as `ReadingOwner.turn` has said
   */
  next(available: number, isTurn: boolean): void {
    const { file } = this;
    if (file === undefined) return;
    if (isTurn || file.now === undefined) {
      this.read(file, available);
      return;
    }
    this.isWaiting = true;
    file.now.takeTurn(this.onTurn);
  }

  private readonly onTurn = (): void => {
    this.isWaiting = false;
    this.owner.turn();
  };

  /** Takes the bytes before `to` where they are the next ones. */
  takeLanded({ position, bytes }: LandedChunk, to: number): void {
    // A read from the file that is under way brings what is before them.
    if (this.isBusy || this.nextByte < position) return;
    const wanted = bytes.subarray(this.nextByte - position, to - position);
    if (wanted.length === 0 || !this.mayHold(bytes.buffer.byteLength)) return;
    this.took(wanted, this.pool.pin(wanted));
  }

  /** A slow client, which does not get ahead of its kernel's buffers, shall not keep a source's. For each chunk: the pace is asked for last. */
  private mayHold(bytes: number): boolean {
    return bytes <= LARGEST_FOR_ANYBODY || bytes <= 2 * this.pace.slabBytes(performance.now());
  }

  private read(file: SpoolFile, available: number): void {
    const slab = this.pool.take(this.pace.slabBytes(performance.now()));
    const target = slab.buffer.subarray(0, Math.min(slab.buffer.length, available));
    const bytesNow = file.now?.read(target, this.nextByte) ?? 0;
    if (bytesNow > 0) {
      this.hasRead(slab, null, bytesNow);
      return;
    }
    this.isReading = true;
    this.disk.began();
    file.read(target, this.nextByte, (error, bytes) => {
      this.isReading = false;
      this.disk.cameBack();
      this.hasRead(slab, error, bytes);
    });
  }

  private hasRead(slab: Slab, error: Error | null, bytes: number): void {
    const isWanted = !this.isClosed && error === null && bytes > 0;
    const chunk = slab.buffer.subarray(0, bytes);
    if (isWanted) this.pool.pin(chunk);
    this.pool.retire(slab, () => true);
    if (isWanted) this.took(chunk, slab);
    else if (this.isClosed) this.closeFile();
    else this.owner.broken(new LocalFailure('the spool can not be read', { cause: error }));
  }

  private took(chunk: Buffer, slab: Slab | undefined): void {
    this.nextByte += chunk.length;
    this.pace.note(chunk.length, performance.now());
    this.owner.took(chunk, slab);
  }

  /** Nothing is told from now on; the file is closed when no read is under way. */
  close(): void {
    this.isClosed = true;
    this.disk.end();
    this.closeFile();
  }

  private closeFile(): void {
    if (this.isReading) return;
    this.file?.close();
    this.file = undefined;
  }
}
