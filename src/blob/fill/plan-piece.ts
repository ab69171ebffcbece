import type { PieceTable } from './piece-table.ts';

/** What one reader still needs. */
export type Demand = {
  /** The next byte it wants. */
  readonly position: number;
  /** Exclusive. */
  readonly to: number;
  /** It asked for everything from a position on, as containerd does, which then hangs up early. */
  readonly isOpenEnded: boolean;
};

/** Pieces that are fetched for a reader that may hang up: the one it reads and the next, which is then all it costs. */
const OPEN_ENDED_PIECES = 2;

/** Pieces at and after a reader's own that are fetched for it, with `width` requests at a time. */
export function windowPieces(demand: Demand, width: number): number {
  // Twice the requests: one that ends always finds another piece to go on with.
  return demand.isOpenEnded ? OPEN_ENDED_PIECES : 2 * width + 2;
}

/**
 * The piece to look for next: first those that readers wait for, then those ahead of them, the nearest first. Undefined
 * where everything within the windows is there or under way.
 */
export function planPiece(demands: Iterable<Demand>, pieces: PieceTable, width: number): number | undefined {
  let best: number | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const demand of demands) {
    if (demand.position >= demand.to) continue;
    const first = pieces.pieceAt(demand.position);
    const window = Math.min(windowPieces(demand, width), bestDistance);
    for (let distance = 0; distance < window; distance += 1) {
      const piece = first + distance;
      if (piece >= pieces.count || pieces.start(piece) >= demand.to) break;
      const state = pieces.state(piece);
      if (state !== 'missing' && state !== 'unknown') continue;
      best = piece;
      bestDistance = distance;
      break;
    }
    if (bestDistance === 0) break;
  }
  return best;
}

/** Everything within the windows is there: nothing is fetched before a reader has moved on. */
export function isSupplied(demands: Iterable<Demand>, pieces: PieceTable, width: number): boolean {
  for (const demand of demands) {
    if (demand.position >= demand.to) continue;
    const first = pieces.pieceAt(demand.position);
    const end = Math.min(first + windowPieces(demand, width), pieces.count);
    for (let piece = first; piece < end && pieces.start(piece) < demand.to; piece += 1) {
      if (pieces.state(piece) !== 'landed') return false;
    }
  }
  return true;
}
