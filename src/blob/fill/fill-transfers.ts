import type { PartialBlob } from '../../cache/blob-store.ts';
import type { FillDeps } from './fill-deps.ts';
import type { FillSource, FillSources } from './fill-sources.ts';
import { createFillWidth, type FillWidth } from './fill-width.ts';
import type { PieceTable } from './piece-table.ts';
import { PieceTransfer, type TransferEnd, type TransferOwner } from './piece-transfer.ts';
import { type Demand, planPiece } from './plan-piece.ts';

/** What the transfers of a fill tell it. */
export type TransferEvents = {
  /** What readers need now; none: nothing new is started. */
  demands(): Demand[];
  /** `bytes` of the piece are in the file now; `chunk` are the last of them, where they are still in memory. */
  landed(piece: number, bytes: number, chunk: LandedChunk | undefined): void;
  /** Somebody needs a piece that no source is left for. */
  sourcesFailed(): void;
  spoolFailed(error: unknown): void;
  /** One transfer has ended. */
  idle(): void;
};

export type LandedChunk = { readonly position: number; readonly bytes: Buffer };

/** Bytes that make a transfer that broke off one that was worth its request. */
const PROGRESS_BYTES = 64 * 1024;

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
  private readonly active = new Set<PieceTransfer>();
  /** Which transfer brings which piece. */
  private readonly bringers = new Map<number, PieceTransfer>();
  private readonly looks = new Map<number, Promise<void>>();
  private leader: PieceTransfer | undefined;
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
  }

  /** A leading transfer is none: it has no end that is near. */
  get hasPiecesInFlight(): boolean {
    return this.active.size > (this.leader === undefined ? 0 : 1);
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
        void this.look(piece).then(() => this.schedule());
        continue;
      }
      const source = this.sources.pick();
      if (source === undefined) {
        areSourcesGone = this.active.size === 0;
        break;
      }
      if (
        (this.sources.ignoresRange(source) && this.leader !== undefined) ||
        !this.deps.budget.start(this.active.size)
      )
        break;
      this.launch(source, piece);
    }
    this.isScheduling = false;
    if (areSourcesGone) this.events.sourcesFailed();
  }

  /** Resolves when no transfer and no look at the spool is under way. */
  async stop(): Promise<void> {
    this.hasStopped = true;
    const stopped = new Promise<void>((resolve) => {
      this.resolveStopped = resolve;
    });
    for (const transfer of this.active) transfer.abort();
    if (this.active.size > 0) await stopped;
    await Promise.all(this.looks.values());
  }

  private launch(source: FillSource, piece: number): void {
    const from = this.pieces.start(piece) + this.pieces.landedIn(piece);
    const transfer = new PieceTransfer(this, source, { piece, from, to: this.pieces.end(piece) });
    this.active.add(transfer);
    this.bring(piece, transfer);
    transfer.start();
  }

  private bring(piece: number, transfer: PieceTransfer): void {
    this.pieces.set(piece, 'active');
    this.bringers.set(piece, transfer);
  }

  /** What an earlier fill left is worth a look before it is fetched. */
  private look(piece: number): Promise<void> {
    this.pieces.set(piece, 'checking');
    const look = this.partial.has(piece).then(
      (isThere) => this.looked(piece, isThere),
      () => this.looked(piece, false),
    );
    this.looks.set(piece, look);
    return look;
  }

  private looked(piece: number, isThere: boolean): void {
    this.looks.delete(piece);
    if (this.hasStopped) return;
    if (!isThere) {
      this.pieces.set(piece, 'missing');
      return;
    }
    this.pieces.land(piece);
    this.events.landed(piece, this.pieces.landedIn(piece), undefined);
  }

  async leads(transfer: PieceTransfer): Promise<boolean> {
    this.sources.tellIgnoresRange(transfer.source);
    if (this.leader !== undefined && this.leader !== transfer) return false;
    this.leader = transfer;
    // Everything passes by now: what is not known to be there by then would be fetched again.
    for (let piece = 0; piece < this.pieces.count; piece += 1) {
      if (this.pieces.state(piece) === 'unknown') await this.look(piece);
    }
    await Promise.all(this.looks.values());
    return true;
  }

  claim(transfer: PieceTransfer, piece: number, position: number): number | undefined {
    const next = this.pieces.start(piece) + this.pieces.landedIn(piece);
    if (this.bringers.get(piece) === transfer) return next;
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
    const piece = this.pieces.pieceAt(position);
    const landed = this.pieces.advance(piece, bytes.length);
    const isWhole = this.pieces.state(piece) === 'landed';
    if (isWhole) this.bringers.delete(piece);
    this.events.landed(piece, landed, { position, bytes });
    if (!isWhole || this.hasStopped) return;
    this.width.pieceLanded(landed, this.wantsMore());
    if (this.pieces.allLanded) for (const other of this.active) other.abort();
  }

  private wantsMore(): boolean {
    return planPiece(this.events.demands(), this.pieces, this.width.current) !== undefined;
  }

  ended(transfer: PieceTransfer, end: TransferEnd): void {
    this.active.delete(transfer);
    this.deps.budget.ended();
    if (this.leader === transfer) this.leader = undefined;
    for (const [piece, bringer] of this.bringers) {
      if (bringer !== transfer) continue;
      this.bringers.delete(piece);
      this.pieces.set(piece, 'missing');
    }
    if (this.hasStopped) {
      if (this.active.size === 0) this.resolveStopped?.();
      return;
    }
    if (end.kind === 'spool_failed') {
      this.events.spoolFailed(end.error);
      return;
    }
    if (transfer.landedBytes >= PROGRESS_BYTES || end.kind === 'complete')
      this.sources.succeeded(transfer.source);
    if (end.kind === 'failed') this.failed(transfer, end);
    this.events.idle();
  }

  private failed(transfer: PieceTransfer, { failure }: Extract<TransferEnd, { kind: 'failed' }>): void {
    const { kind, status, where } = failure;
    this.deps.metrics.upstreamFailures.inc({ upstream: where, reason: kind });
    const isTooMany = kind === 'connection_limit_reached' || status === 429 || status === 503;
    if (this.active.size > 0) this.width.failed();
    // While others go on it is the number of requests that was refused, not the blob.
    if (!isTooMany || this.active.size === 0) this.sources.failed(transfer.source, failure);
  }
}
