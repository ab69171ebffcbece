import type { PartialBlob } from '../../cache/blob-store.ts';
import { countFailure } from '../../upstream/count-failure.ts';
import type { UpstreamFailure } from '../../upstream/failure.ts';
import type { Answer } from '../ask-source.ts';
import type { FillDeps } from './fill-deps.ts';
import { createFillHedge } from './fill-hedge.ts';
import type { LandedChunk } from './fill-port.ts';
import { FillRace } from './fill-race.ts';
import type { FailureMark, FillSource, FillSources, PickedSource } from './fill-sources.ts';
import { createFillWidth, type FillWidth } from './fill-width.ts';
import { createKeptPieces, type KeptPieces } from './kept-pieces.ts';
import type { PieceTable } from './piece-table.ts';
import { PieceTransfer, type TransferEnd, type TransferOwner } from './piece-transfer.ts';
import { type Demand, isSupplied, planPiece } from './plan-piece.ts';

/** What the transfers of a fill tell it. */
export type TransferEvents = {
  /** What readers need now; none: nothing new is started. */
  demands(): Demand[];
  /** `bytes` of the piece are in the file now; `chunk` are the last of them, where they are still in memory. */
  landed(piece: number, bytes: number, chunk: LandedChunk | undefined): void;
  /** Somebody needs a piece that no source is left for. */
  sourcesFailed(): void;
  /** A source has failed, and no other is ready now: there will be a wait. `bytes` have come since the last time. */
  delayed(failure: UpstreamFailure, bytes: number): void;
  spoolFailed(error: unknown): void;
  /** A source that ignores Range has answered. */
  leading(): void;
  /** One transfer has ended. */
  idle(): void;
};

/** A request that is under way. */
export type Flight = { readonly mark: FailureMark; readonly startedAt: number };

/** Brings the pieces of one fill that its readers need, several at a time, from whatever source there is. */
export class FillTransfers implements TransferOwner {
  readonly length: number;
  readonly pieceBytes: number;
  readonly pool: FillDeps['pool'];
  /** Everybody whose bytes are in the file. */
  readonly origins = new Set<string>();
  private readonly partial: PartialBlob;
  private readonly pieces: PieceTable;
  private readonly sources: FillSources;
  private readonly deps: FillDeps;
  private readonly events: TransferEvents;
  private readonly width: FillWidth;
  private readonly active = new Map<PieceTransfer, Flight>();
  private readonly race: FillRace;
  /** Which transfer brings which piece. */
  private readonly bringers = new Map<number, PieceTransfer>();
  private readonly kept: KeptPieces;
  private leader: PieceTransfer | undefined;
  private bytesSinceFailure = 0;
  /** By which the host of a request too many may rest beyond the end of the others. */
  private refusal: UpstreamFailure | undefined;
  private isScheduling = false;
  private hasStopped = false;
  private resolveStopped: (() => void) | undefined;

  constructor(
    parts: { partial: PartialBlob; pieces: PieceTable; sources: FillSources; deps: FillDeps },
    events: TransferEvents,
  ) {
    this.partial = parts.partial;
    this.pieces = parts.pieces;
    this.sources = parts.sources;
    this.deps = parts.deps;
    this.pool = parts.deps.pool;
    this.events = events;
    this.length = parts.pieces.length;
    this.pieceBytes = parts.pieces.pieceBytes;
    this.width = createFillWidth(parts.deps.limits.maxWidth, parts.deps.now);
    this.kept = createKeptPieces(parts.partial, parts.pieces, (piece) =>
      this.events.landed(piece, this.pieces.landedIn(piece), undefined),
    );
    this.race = new FillRace({
      deps: parts.deps,
      hedge: createFillHedge(this.length),
      flights: () => this.active,
      start: (piece, from, to, avoided) => this.launchHedge(piece, from, to, avoided),
    });
  }

  /** The piece that a leading transfer has come to; undefined: there is none. */
  get leaderPiece(): number | undefined {
    return this.leader && this.pieces.pieceAt(this.leader.nextByte);
  }

  /** A leading transfer is none: it has no end that is near. */
  get hasPiecesInFlight(): boolean {
    return this.active.size > (this.leader === undefined ? 0 : 1);
  }

  /** Its readers have what there is to be had ahead of them: they take their time. */
  get isAhead(): boolean {
    return this.active.size === 0 && isSupplied(this.events.demands(), this.pieces, this.width.current);
  }

  /** Starts what is needed and possible now. */
  schedule(): void {
    if (this.isScheduling || this.hasStopped) return;
    this.isScheduling = true;
    const demands = this.events.demands();
    let areSourcesGone = false;
    while (demands.length > 0 && this.active.size < this.width.current) {
      const piece = planPiece(demands, this.pieces, this.width.current);
      if (piece === undefined) break;
      if (this.pieces.state(piece) === 'unknown') {
        void this.kept.look(piece).then(() => this.schedule());
        continue;
      }
      const pick = this.sources.pick();
      if (pick.kind !== 'source') {
        areSourcesGone = pick.kind === 'none' && this.active.size === 0;
        break;
      }
      if (
        (this.sources.ignoresRange(pick.source) && this.leader !== undefined) ||
        !this.deps.budget.start(this.active.size)
      )
        break;
      this.launch(pick, piece);
    }
    this.isScheduling = false;
    this.race.watch();
    if (areSourcesGone) this.events.sourcesFailed();
  }

  /** Resolves when no transfer and no look at the spool is under way. */
  async stop(): Promise<void> {
    this.hasStopped = true;
    this.race.stop();
    const stopped = new Promise<void>((resolve) => {
      this.resolveStopped = resolve;
    });
    for (const transfer of this.active.keys()) transfer.abort();
    const looked = this.kept.stop();
    if (this.active.size > 0) await stopped;
    await looked;
  }

  private launch({ source, mark }: PickedSource, piece: number): void {
    const from = this.pieces.start(piece) + this.pieces.landedIn(piece);
    const transfer = new PieceTransfer(this, source, { piece, from, to: this.pieces.end(piece) });
    this.active.set(transfer, { mark, startedAt: this.deps.now() });
    this.bring(piece, transfer);
    transfer.start();
  }

  /** A second request for what is left of a piece. */
  private launchHedge(piece: number, from: number, to: number, avoided: string): PieceTransfer | undefined {
    if (this.hasStopped || !this.isWanted(piece)) return undefined;
    const pick = this.sources.pick(avoided);
    if (pick.kind !== 'source' || this.sources.ignoresRange(pick.source)) return undefined;
    if (!this.deps.budget.start(this.active.size)) return undefined;
    const transfer = new PieceTransfer(this, pick.source, { piece, from, to }, true);
    this.active.set(transfer, { mark: pick.mark, startedAt: this.deps.now() });
    transfer.start();
    return transfer;
  }

  private isWanted(piece: number): boolean {
    return this.events
      .demands()
      .some(({ position, to }) => position < this.pieces.end(piece) && to > this.pieces.start(piece));
  }

  private bring(piece: number, transfer: PieceTransfer): void {
    this.pieces.set(piece, 'active');
    this.bringers.set(piece, transfer);
  }

  async leads(transfer: PieceTransfer): Promise<boolean> {
    this.sources.tellIgnoresRange(transfer.source);
    if (transfer.isHedge) return false;
    if (this.leader !== undefined && this.leader !== transfer) return false;
    this.leader = transfer;
    // Everything passes by now: what is not known to be there by then would be fetched again.
    await this.kept.lookAtAll();
    if (this.leader === transfer) this.events.leading();
    return true;
  }

  toAsk(transfer: PieceTransfer): ReturnType<FillSources['toAsk']> {
    return this.sources.toAsk(transfer.source);
  }

  answered(transfer: PieceTransfer, answer: Answer): void {
    this.sources.answered(transfer.source, answer);
  }

  claim(transfer: PieceTransfer, piece: number, position: number): number | 'wait' | undefined {
    const next = this.pieces.start(piece) + this.pieces.landedIn(piece);
    const bringer = this.bringers.get(piece);
    if (bringer === transfer) return next;
    if (transfer.isHedge) {
      if (bringer === undefined) return undefined;
      if (position < bringer.nextByte) return bringer.nextByte;
      // It is ahead. What the other one has brought is written first, and then this one is asked again.
      bringer.yield();
      return this.bringers.get(piece) === transfer ? position : 'wait';
    }
    // Past the place where the piece goes on there would be a gap.
    if (this.pieces.state(piece) !== 'missing' || position > next) return undefined;
    this.bring(piece, transfer);
    return next;
  }

  write(position: number, bytes: Buffer): Promise<void> {
    return this.partial.write(position, bytes);
  }

  landed(transfer: PieceTransfer, position: number, bytes: Buffer): void {
    this.origins.add(transfer.origin);
    this.bytesSinceFailure += bytes.length;
    this.sources.brought(transfer.source, bytes.length);
    const piece = this.pieces.pieceAt(position);
    const landed = this.pieces.advance(piece, bytes.length);
    const isWhole = this.pieces.state(piece) === 'landed';
    if (isWhole) {
      this.bringers.delete(piece);
      this.race.finished(transfer, piece);
    }
    this.events.landed(piece, landed, { position, bytes });
    if (!isWhole || this.hasStopped) return;
    this.width.pieceLanded(landed, this.wantsMore());
    if (this.pieces.allLanded) for (const other of this.active.keys()) other.abort();
  }

  private wantsMore(): boolean {
    return planPiece(this.events.demands(), this.pieces, this.width.current) !== undefined;
  }

  ended(transfer: PieceTransfer, end: TransferEnd): void {
    const flight = this.active.get(transfer);
    this.active.delete(transfer);
    this.deps.budget.ended();
    if (this.leader === transfer) this.leader = undefined;
    const heir = this.race.ended(transfer, end);
    for (const [piece, bringer] of this.bringers) {
      if (bringer !== transfer) continue;
      this.bringers.delete(piece);
      if (heir?.piece === piece) this.bring(piece, heir);
      else this.pieces.set(piece, 'missing');
    }
    if (this.hasStopped) {
      if (this.active.size === 0) this.resolveStopped?.();
      return;
    }
    if (end.kind === 'spool_failed') {
      this.events.spoolFailed(end.error);
      return;
    }
    heir?.proceed();
    if (end.kind === 'complete') {
      this.sources.succeeded(transfer.source);
      this.bytesSinceFailure = Number.POSITIVE_INFINITY;
    }
    if (end.kind === 'failed') this.failed(transfer.source, end.failure, flight?.mark ?? 0);
    this.events.idle();
    if (this.active.size === 0) this.tellRefusal();
  }

  private tellRefusal(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined && !this.hasStopped && this.sources.pick().kind === 'wait') this.delay(refusal);
  }

  private failed(source: FillSource, failure: UpstreamFailure, mark: FailureMark): void {
    const { kind, status } = failure;
    const { metrics } = this.deps;
    countFailure(metrics, failure);
    const isTooMany = kind === 'connection_limit_reached' || status === 429 || status === 503;
    if (this.active.size > 0) this.width.failed();
    // While others go on it is the number of requests that was refused, not the blob.
    if (isTooMany && this.active.size > 0) {
      this.sources.refused(source, failure);
      this.refusal = failure;
      return;
    }
    this.refusal = undefined;
    const reason = this.sources.failed(source, failure, mark);
    const next = this.sources.pick();
    if (reason !== undefined && next.kind !== 'none') metrics.blobResumes.inc({ reason });
    if (next.kind !== 'wait' || this.active.size > 0) return;
    this.delay(failure);
  }

  private delay(failure: UpstreamFailure): void {
    this.events.delayed(failure, this.bytesSinceFailure);
    this.bytesSinceFailure = 0;
  }
}
