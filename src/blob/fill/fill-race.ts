import type { FillDeps } from './fill-deps.ts';
import type { FillHedge } from './fill-hedge.ts';
import type { Flight } from './fill-transfers.ts';
import type { PieceTransfer, TransferEnd } from './piece-transfer.ts';

export type RaceDeps = {
  readonly deps: Pick<FillDeps, 'now' | 'setTimer' | 'metrics'>;
  readonly hedge: FillHedge;
  /** The requests that are under way. */
  flights(): ReadonlyMap<PieceTransfer, Flight>;
  /** A second request, at another host than `avoided` if there is one; undefined where there can be none now. */
  start(piece: number, from: number, to: number, avoided: string): PieceTransfer | undefined;
};

/**
 * Second requests (hedges) for pieces that come slower than their siblings. The one that is ahead brings the rest: a hedge begins where the
 * first request stands, what the first brings meanwhile is left out of the hedge's bytes, and the first ends as soon as it is
 * overtaken. So nothing is written twice, and what comes twice is within the budget of `FillHedge`.
 */
export class FillRace {
  private readonly race: RaceDeps;
  /** By piece; and the bytes that each may cost. */
  private readonly hedges = new Map<number, { readonly hedge: PieceTransfer; readonly reserved: number }>();
  /** Hedges that bring their piece now. */
  private readonly winners = new Map<PieceTransfer, number>();
  /** First requests that were slow and could not be helped. */
  private readonly hopeless = new WeakSet<PieceTransfer>();
  private cancelTimer: (() => void) | undefined;
  private isStopped = false;

  constructor(race: RaceDeps) {
    this.race = race;
  }

  /** Sets the timer for the request that will be slow first, where none is set: those that begin later are slow later. */
  watch(): void {
    if (this.isStopped || this.cancelTimer !== undefined) return;
    let wait: number | undefined;
    for (const [transfer, { startedAt }] of this.race.flights()) {
      const slowAfter = this.canHedge(transfer)
        ? this.race.hedge.slowAfter(transfer.to - transfer.from)
        : undefined;
      if (slowAfter === undefined) continue;
      const left = Math.max(0, startedAt + slowAfter - this.race.deps.now());
      wait = Math.min(wait ?? left, left);
    }
    if (wait === undefined) return;
    this.cancelTimer = this.race.deps.setTimer(Math.ceil(wait), () => {
      this.cancelTimer = undefined;
      this.look();
    });
  }

  /** The last byte of the piece is in the file. */
  finished(transfer: PieceTransfer, piece: number): void {
    const flight = this.race.flights().get(transfer);
    const isFair = !transfer.isHedge && !transfer.isLeading;
    if (flight !== undefined && isFair) {
      this.race.hedge.sample(transfer.to - transfer.from, this.race.deps.now() - flight.startedAt);
    }
    this.hedges.get(piece)?.hedge.abort();
  }

  /** Returns the hedge that brings the rest of the piece of a first request. */
  ended(transfer: PieceTransfer, end: TransferEnd): PieceTransfer | undefined {
    const { piece, receivedBytes, landedBytes } = transfer;
    if (!transfer.isHedge) {
      const found = this.hedges.get(piece);
      // A piece that is whole has no rest: its hedge has been ended.
      if (found === undefined || end.kind === 'complete' || end.kind === 'aborted') return undefined;
      this.hedges.delete(piece);
      this.winners.set(found.hedge, found.reserved);
      return found.hedge;
    }
    const lost = this.hedges.get(piece);
    const isLoser = lost?.hedge === transfer;
    const reserved = isLoser ? lost.reserved : this.winners.get(transfer);
    if (isLoser) this.hedges.delete(piece);
    this.winners.delete(transfer);
    this.race.hedge.refund(Math.max(0, (reserved ?? 0) - (receivedBytes - landedBytes)));
    const failed = end.kind === 'failed' ? 'failed' : 'lost';
    this.race.deps.metrics.fillHedges.inc({ result: isLoser ? failed : 'won' });
    return undefined;
  }

  stop(): void {
    this.isStopped = true;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  private canHedge(transfer: PieceTransfer): boolean {
    return (
      !transfer.isHedge &&
      !transfer.isLeading &&
      // All of it has come, and waits for the disk.
      transfer.nextByte < transfer.to &&
      !this.hopeless.has(transfer) &&
      !this.hedges.has(transfer.piece)
    );
  }

  private look(): void {
    const { hedge, deps } = this.race;
    const isSlow = ([transfer, { startedAt }]: [PieceTransfer, Flight]): boolean => {
      const slowAfter = this.canHedge(transfer) ? hedge.slowAfter(transfer.to - transfer.from) : undefined;
      return slowAfter !== undefined && deps.now() - startedAt >= slowAfter;
    };
    // Those that are started below are none of them.
    const slow = Array.from(this.race.flights()).filter(isSlow);
    for (const [transfer] of slow) this.help(transfer);
    this.watch();
  }

  private help(slow: PieceTransfer): void {
    const { piece, nextByte, to, origin } = slow;
    const reserved = to - nextByte;
    if (!this.race.hedge.reserve(reserved)) {
      this.hopeless.add(slow);
      return;
    }
    const hedge = this.race.start(piece, nextByte, to, origin);
    if (hedge === undefined) {
      this.race.hedge.refund(reserved);
      this.hopeless.add(slow);
    } else this.hedges.set(piece, { hedge, reserved });
  }
}
