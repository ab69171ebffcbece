/**
 * What is known of each piece of one blob. `unknown`: an earlier fill may have left it, nobody has looked. `active`: a
 * transfer brings it. `landed`: every byte can be read from the file.
 */
export type PieceState = 'unknown' | 'checking' | 'missing' | 'active' | 'landed';

export type PieceTable = {
  readonly length: number;
  readonly pieceBytes: number;
  readonly count: number;
  readonly allLanded: boolean;
  /** Bytes that have not landed. */
  readonly missingBytes: number;
  pieceAt(position: number): number;
  start(piece: number): number;
  /** Exclusive. */
  end(piece: number): number;
  state(piece: number): PieceState;
  set(piece: number, state: Exclude<PieceState, 'landed'>): void;
  /** How much of the piece, from its start on, has landed. A transfer that broke off leaves this much. */
  landedIn(piece: number): number;
  /** `bytes` more have landed, next to what was there. Returns how many it has now. */
  advance(piece: number, bytes: number): number;
  /** The piece is there as a whole. */
  land(piece: number): void;
  /** Position up to which every byte from the start of the blob on has landed, looking from `from` on. */
  contiguousEnd(from: number): number;
  /** 1 for each piece that has landed. */
  have(): Uint8Array;
};

export function createPieceTable(length: number, pieceBytes: number): PieceTable {
  const count = Math.ceil(length / pieceBytes);
  const states: PieceState[] = Array.from({ length: count }, () => 'unknown');
  const prefixes = new Map<number, number>();
  let landed = 0;
  let landedBytes = 0;
  const start = (piece: number): number => piece * pieceBytes;
  const end = (piece: number): number => Math.min(length, (piece + 1) * pieceBytes);
  const stateOf = (piece: number): PieceState => states[piece] ?? 'landed';

  function land(piece: number): void {
    if (stateOf(piece) === 'landed') return;
    landedBytes += end(piece) - start(piece) - (prefixes.get(piece) ?? 0);
    states[piece] = 'landed';
    prefixes.delete(piece);
    landed += 1;
  }

  const table: PieceTable = {
    length,
    pieceBytes,
    count,
    get allLanded() {
      return landed === count;
    },
    get missingBytes() {
      return length - landedBytes;
    },
    pieceAt: (position) => Math.floor(position / pieceBytes),
    start,
    end,
    state: stateOf,
    set(piece, state) {
      if (stateOf(piece) !== 'landed') states[piece] = state;
    },
    landedIn: (piece) =>
      stateOf(piece) === 'landed' ? end(piece) - start(piece) : (prefixes.get(piece) ?? 0),
    advance(piece, bytes) {
      const prefix = (prefixes.get(piece) ?? 0) + bytes;
      landedBytes += bytes;
      prefixes.set(piece, prefix);
      if (prefix === end(piece) - start(piece)) land(piece);
      return prefix;
    },
    land,
    contiguousEnd(from) {
      let piece = Math.floor(from / pieceBytes);
      while (piece < count && stateOf(piece) === 'landed') piece += 1;
      return piece >= count ? length : start(piece) + (prefixes.get(piece) ?? 0);
    },
    have: () => Uint8Array.from(states, (state) => (state === 'landed' ? 1 : 0)),
  };
  return table;
}
