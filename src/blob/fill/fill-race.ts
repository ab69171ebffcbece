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
 * overtaken. So nothing is written twice, and what is asked for twice is within the budget of `FillHedge`: it counts whole, since a source may
 * have sent all of it before it hears that one of the two has ended.
 */
export class FillRace {
  private readonly race: RaceDeps;
  /** By piece; and the bytes that each may cost. */
  private readonly hedges = new Map<number, { readonly hedge: PieceTransfer; readonly reserved: number }>();
  /** Hedges that bring their piece now, what each may cost, and whether Berth has ended the first request because of it. */
  private readonly winners = new Map<
    PieceTransfer,
    { readonly reserved: number; readonly hasOvertaken: boolean }
  >();
  /** Milliseconds: when a request that could not be helped is looked at again. */
  private readonly lookAgainAt = new WeakMap<PieceTransfer, number>();
  private cancelTimer: (() => void) | undefined;
  private isStopped = false;

  constructor(race: RaceDeps) {
    this.race = race;
  }

  /** Sets the timer for the request that will be slow first, where none is set: those that begin later are slow later. */
  watch(): void {
    if (this.isStopped || this.cancelTimer !== undefined) return;
    let wait: number | undefined;
    for (const flight of this.race.flights()) {
      const dueAt = this.dueAt(flight);
      if (dueAt === undefined) continue;
      const left = Math.max(0, dueAt - this.race.deps.now());
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
    const { piece } = transfer;
    const found = this.hedges.get(piece);
    if (found?.hedge === transfer) {
      this.hedges.delete(piece);
      const hasFailed = end.kind === 'failed';
      // It was refused. Whatever else ends a hedge leaves bytes on their way, which have been sent all the same.
      if (hasFailed && transfer.receivedBytes === 0) this.race.hedge.refund(found.reserved);
      this.count(hasFailed ? 'failed' : 'lost');
      return undefined;
    }
    const paid = this.winners.get(transfer);
    if (paid !== undefined) {
      this.winners.delete(transfer);
      // What its source did not send to the first request, and would have been asked for again in any case.
      if (!paid.hasOvertaken) this.race.hedge.refund(Math.min(paid.reserved, transfer.landedBytes));
      this.count('won');
    }
    // A piece that is whole has no rest: its hedge has been ended.
    if (found === undefined || end.kind === 'complete' || end.kind === 'aborted') return undefined;
    this.hedges.delete(piece);
    this.winners.set(found.hedge, { reserved: found.reserved, hasOvertaken: end.kind === 'overtaken' });
    return found.hedge;
  }

  private count(result: 'won' | 'lost' | 'failed'): void {
    this.race.deps.metrics.fillHedges.inc({ result });
  }

  stop(): void {
    this.isStopped = true;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  private canHedge(transfer: PieceTransfer): boolean {
    return (
      (!transfer.isHedge || this.winners.has(transfer)) &&
      !transfer.isLeading &&
      // All of it has come, and waits for the disk.
      transfer.nextByte < transfer.to &&
      !this.hedges.has(transfer.piece)
    );
  }

  /** Undefined: it needs no other request, or nobody knows yet what is slow. */
  private dueAt([transfer, { startedAt }]: [PieceTransfer, Flight]): number | undefined {
    const slowAfter = this.canHedge(transfer) ? this.slowAfter(transfer) : undefined;
    return slowAfter && Math.max(startedAt + slowAfter, this.lookAgainAt.get(transfer) ?? 0);
  }

  private slowAfter({ from, to }: PieceTransfer): number | undefined {
    return this.race.hedge.slowAfter(to - from);
  }

  private look(): void {
    const now = this.race.deps.now();
    const isDue = (flight: [PieceTransfer, Flight]): boolean => (this.dueAt(flight) ?? now + 1) <= now;
    // Those that are started below are none of them.
    const due = Array.from(this.race.flights()).filter(isDue);
    for (const [transfer] of due) this.help(transfer);
    this.watch();
  }

  private help(slow: PieceTransfer): void {
    const { piece, nextByte, to, origin } = slow;
    const reserved = to - nextByte;
    // Also where it can be helped: should that break off, it is not done again at once.
    this.lookAgainAt.set(slow, this.race.deps.now() + (this.slowAfter(slow) ?? 0));
    if (!this.race.hedge.reserve(reserved)) return;
    const hedge = this.race.start(piece, nextByte, to, origin);
    if (hedge === undefined) this.race.hedge.refund(reserved);
    else this.hedges.set(piece, { hedge, reserved });
  }
}
