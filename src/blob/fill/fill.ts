import type { PartialBlob, StoredBlob } from '../../cache/blob-store.ts';
import type { FillResult } from '../../metrics/metrics.ts';
import type { WaitsFor, Work } from '../../metrics/running-work.ts';
import type { Digest } from '../../oci/digest.ts';
import { UpstreamFailure } from '../../upstream/failure.ts';
import type { BlobSource } from '../blob-source.ts';
import type { FillDeps } from './fill-deps.ts';
import { createFillHash, type FillHash, type HashEnd } from './fill-hash.ts';
import { createFillLinger, type FillLinger } from './fill-linger.ts';
import { type OwnerPort, toFacts } from './fill-messages.ts';
import type { LandedChunk } from './fill-port.ts';
import { createFillReaders, type FillReaders, type Spool } from './fill-readers.ts';
import { createFillSources } from './fill-sources.ts';
import { createFillSpool, type FillSpool } from './fill-spool.ts';
import { FillTransfers } from './fill-transfers.ts';
import { findSpool } from './find-spool.ts';
import { createOpeningPatience, type OpeningPatience } from './opening-patience.ts';
import { createPieceTable, type PieceTable } from './piece-table.ts';

/**
 * `opening`: its length or its spool is not known yet. `filling`: pieces come in while somebody wants them. `failed`: no source is
 * left, readers take what is there. `verified`: whole and right. `ending`: it takes nobody any more.
 */
export type FillState = 'opening' | 'filling' | 'failed' | 'verified' | 'ending';

/** Pieces. A fill that lacks no more than these is completed whoever has left. */
const NEARLY_DONE_PIECES = 2;

/** The owner of everything that is done about one digest, the state machine of docs/adr/0015-fill.md. */
export class Fill {
  readonly digest: Digest;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
  private readonly deps: FillDeps;
  private readonly readers: FillReaders;
  private readonly sources;
  /** Whoever may be asked for the length, in this order. */
  private readonly tickets: BlobSource[] = [];
  private readonly aborting = new AbortController();
  private readonly patience: OpeningPatience;
  private resolveEnded: () => void = () => undefined;
  private stateNow: FillState = 'opening';
  private readonly spool: FillSpool;
  private pieces: PieceTable | undefined;
  private transfers: FillTransfers | undefined;
  private hash: FillHash | undefined;
  private outcome: FillResult = 'kept';
  private opening: Promise<void> | undefined;
  private readonly linger: FillLinger;
  private readonly work: Work | undefined;

  constructor(digest: Digest, deps: FillDeps) {
    this.digest = digest;
    this.deps = deps;
    this.work = deps.work?.begin({ kind: 'fill', registry: deps.scope, digest, length: undefined }, () =>
      this.waitsFor(),
    );
    this.sources = createFillSources(digest, deps, () => this.transfers?.schedule());
    this.linger = createFillLinger(deps.setTimer, () => this.rest());
    this.spool = createFillSpool(digest, deps, (error) => this.broke(error));
    this.patience = createOpeningPatience(deps);
    this.readers = createFillReaders({
      spool: () => this.readable(),
      hasEnded: () => this.hasEnded,
      leaderPiece: () => this.transfers?.leaderPiece,
      publishing: () => this.spool.publishing,
      wanted: () => this.transfers?.schedule(),
      left: () => this.rest(),
    });
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  get state(): FillState {
    return this.stateNow;
  }

  /** The first reader, whose source and length the fill begins with. */
  begin(port: OwnerPort, source: BlobSource, statedLength: number | undefined): void {
    this.join(port, source, statedLength);
    this.opening = this.open(statedLength);
  }

  join(port: OwnerPort, source: BlobSource, statedLength: number | undefined): void {
    this.sources.add(source);
    if (this.stateNow === 'opening') this.tickets.push(source);
    this.readers.add(port, statedLength);
    this.linger.stop();
    if (this.stateNow !== 'failed') return;
    this.stateNow = 'filling';
    this.outcome = 'kept';
    this.readers.broadcast({ kind: 'resumed' });
  }

  /** Ends it whatever it is doing: Berth stops. */
  close(): Promise<void> {
    this.readers.broadcast({ kind: 'broken', message: 'Berth is stopping' });
    this.end('kept');
    return this.ended;
  }

  private get hasEnded(): boolean {
    return this.stateNow === 'ending';
  }

  private async open(statedLength: number | undefined): Promise<void> {
    try {
      const reserve = (bytes: number): boolean => !this.hasEnded && this.spool.reserve(bytes);
      const found = await findSpool(
        { digest: this.digest, sources: this.tickets, statedLength, signal: this.aborting.signal },
        this.deps,
        reserve,
      );
      if (found?.kind === 'stored') this.openedStored(found.stored);
      else if (found?.kind === 'partial') this.openedPartial(found.partial);
      else this.refuse();
    } catch (error) {
      if (error instanceof UpstreamFailure) this.failedToOpen(error);
      else this.broke(error);
    }
  }

  private openedStored(stored: StoredBlob): void {
    this.spool.holdStored(stored);
    if (this.hasEnded) return;
    this.outcome = 'found';
    this.pieces = createPieceTable(stored.length, Math.max(1, stored.length));
    for (let piece = 0; piece < this.pieces.count; piece += 1) this.pieces.land(piece);
    this.letIn('verified');
  }

  private openedPartial(opened: PartialBlob): void {
    const partial = this.spool.holdPartial(opened);
    if (this.hasEnded) return;
    const { deps } = this;
    const pieces = createPieceTable(partial.length, partial.pieceBytes);
    this.work?.learn(partial.length);
    this.pieces = pieces;
    this.transfers = new FillTransfers(
      { partial, pieces, sources: this.sources, deps },
      {
        demands: () => this.demands(),
        landed: (piece, bytes, chunk) => this.landed(piece, bytes, chunk),
        sourcesFailed: () => this.failed(),
        delayed: (failure, bytes) => this.delayed(failure, bytes),
        spoolFailed: (error) => this.broke(error),
        leading: () => this.readers.tellComing(),
        idle: () => this.rest(),
      },
    );
    this.hash = createFillHash(
      this.digest,
      {
        length: pieces.length,
        contiguousEnd: (from) => pieces.contiguousEnd(from),
        read: (position, buffer) => {
          this.work?.moved(0);
          return partial.read(position, buffer);
        },
      },
      deps.pool,
      (end) => this.hashed(end),
    );
    this.letIn('filling');
  }

  private letIn(state: 'filling' | 'verified'): void {
    this.stateNow = state;
    this.readers.letIn();
    // An empty blob has nothing that could land.
    this.hash?.pump();
    this.rest();
  }

  /** Undefined: it has what it needs, and is at work with it. */
  private waitsFor(): WaitsFor | undefined {
    if (this.stateNow === 'opening') return 'upstream';
    if (this.spool.publishing !== undefined || this.hasEnded) return 'disk';
    if (this.stateNow === 'filling' && this.demands().length > 0 && this.transfers?.isAhead !== true) {
      return 'upstream';
    }
    return this.pieces?.allLanded === true && this.stateNow === 'filling' ? undefined : 'readers';
  }

  private readable(): Spool | undefined {
    const { pieces } = this;
    const { path } = this.spool;
    if (pieces === undefined || path === undefined) return undefined;
    return { pieces, path, isVerified: this.stateNow === 'verified' };
  }

  private landed(piece: number, bytes: number, chunk: LandedChunk | undefined): void {
    const { pieces } = this;
    if (pieces === undefined) return;
    this.work?.moved(chunk?.bytes.length ?? 0);
    if (pieces.state(piece) !== 'landed') this.readers.progress(pieces, piece, bytes, chunk);
    else {
      this.readers.broadcast({ kind: 'piece', piece }, chunk);
      this.spool.record(piece);
    }
    // After the record: the last bytes may be all that the verdict waits for.
    if (chunk !== undefined) this.hash?.offer(chunk.position, chunk.bytes);
    this.hash?.pump();
  }

  private hashed(end: HashEnd): void {
    if (this.hasEnded) return;
    if (end.kind === 'unreadable') this.broke(end.error);
    else if (end.kind === 'matches') this.verified();
    else this.mismatched();
  }

  private verified(): void {
    this.stateNow = 'verified';
    this.deps.quarantine.release(this.digest);
    // Before it is published: no client waits for the disk.
    this.readers.broadcast({ kind: 'verified' });
    this.spool.publish((isPublished) => this.published(isPublished));
  }

  private published(isPublished: boolean): void {
    this.outcome = isPublished ? 'published' : 'spool_failed';
    if (isPublished) this.rest();
    else this.end(this.outcome);
  }

  private mismatched(): void {
    const { digest, deps } = this;
    const origins = [...(this.transfers?.origins ?? [])];
    for (const origin of origins) deps.quarantine.add(digest, origin);
    deps.metrics.blobDigestMismatches.inc({ stage: 'fill' });
    deps.log.warn({ digest, origins }, 'a blob is not what its digest says; its sources are quarantined');
    this.readers.broadcast({ kind: 'mismatch' });
    this.end('mismatch');
  }

  /** Whoever has nothing yet is told what is wrong while somebody can still be told; the others wait. */
  private delayed(failure: UpstreamFailure, bytes: number): void {
    const { pieces } = this;
    if (pieces === undefined) return;
    if (!this.patience.isOver(failure, bytes)) return;
    if (this.readers.refuseWaiting(pieces, { kind: 'failed', failure: toFacts(failure) })) this.failed();
  }

  private failed(): void {
    const failure =
      this.sources.lastFailure ??
      new UpstreamFailure('destination_unavailable', 'storage', 'no source of the blob is left');
    this.stateNow = 'failed';
    this.outcome = 'failed';
    this.readers.broadcast({ kind: 'failed', failure: toFacts(failure) });
    this.rest();
  }

  private failedToOpen(failure: UpstreamFailure): void {
    this.readers.broadcast({ kind: 'failed', failure: toFacts(failure) });
    this.end('failed');
  }

  private refuse(): void {
    this.readers.broadcast({ kind: 'unavailable' });
    this.end('unavailable');
  }

  /** The disk failed. What is on it stays, as far as it can be read later. */
  private broke(error: unknown): void {
    if (this.hasEnded) return;
    this.deps.log.error({ digest: this.digest, error: String(error) }, 'the spool of a blob failed');
    this.readers.broadcast({ kind: 'broken', message: 'the spool of the blob failed' });
    this.end('spool_failed');
  }

  private demands() {
    if (this.stateNow !== 'filling' || this.pieces === undefined) return [];
    const demands = this.readers.demands();
    if (this.readers.size > 0 || !this.isNearlyDone()) return demands;
    // From the first gap on: the window reaches only so far.
    const position = this.pieces.contiguousEnd(0);
    return [{ position, to: this.pieces.length, isOpenEnded: false }];
  }

  private isNearlyDone(): boolean {
    const { pieces } = this;
    return pieces !== undefined && pieces.missingBytes <= NEARLY_DONE_PIECES * pieces.pieceBytes;
  }

  /** Looks what to do when a reader or a transfer has gone. */
  private rest(): void {
    if (this.stateNow === 'opening' || this.stateNow === 'ending') return;
    this.transfers?.schedule();
    if (this.readers.size > 0) return;
    if (this.stateNow === 'verified') {
      if (this.spool.publishing === undefined) this.end(this.outcome);
      return;
    }
    if (this.stateNow === 'failed') {
      this.end('failed');
      return;
    }
    if (this.pieces?.allLanded === true || this.isNearlyDone()) return;
    if (!this.linger.isOver) this.linger.start();
    else if (this.transfers?.hasPiecesInFlight !== true) this.end('kept');
  }

  private end(outcome: FillResult): void {
    if (this.hasEnded) return;
    const isOpening = this.stateNow === 'opening';
    this.stateNow = 'ending';
    this.outcome = outcome;
    this.work?.moved(0);
    this.spool.end();
    this.linger.stop();
    // Later nobody hears it, and each fill would make an error with its stack.
    if (isOpening) {
      this.aborting.abort(new UpstreamFailure('connection_terminated', 'storage', 'the fill has ended'));
    }
    void this.release();
  }

  private async release(): Promise<void> {
    await this.opening;
    await Promise.all([this.transfers?.stop(), this.sources.stop(), this.hash?.stop()]);
    await this.spool.release(this.outcome === 'mismatch');
    this.work?.end();
    this.deps.metrics.fills.inc({ result: this.outcome });
    this.resolveEnded();
  }
}
