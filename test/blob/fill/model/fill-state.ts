/**
 * The fill of docs/adr/0015-fill.md with everything left out that no decision depends on: bytes are pieces, clocks are
 * timers that may fire at any time, messages arrive at once. Each reader brings the ticket of a source of its own, which may lie.
 */
export type FillModel = {
  fill: 'none' | 'opening' | 'filling' | 'failed' | 'verified' | 'ending';
  /** Of the blob on disk. */
  published: 'no' | 'right' | 'wrong';
  /** Owners that have the spool. */
  owners: number;
  pieces: Piece[];
  /** What brings a piece, and what races for it. */
  bringers: (Request | null)[];
  hedges: (Request | null)[];
  sources: Source[];
  /** Which source a fresh signature is being asked of. */
  renewing: number | null;
  /** Before bytes must come. */
  renewalsLeft: number;
  hedgesLeft: number;
  readers: Reader[];
};

export type Piece = 'missing' | 'right' | 'wrong';
export type Request = {
  readonly source: number;
  /** Its host has failed since it began: another failure beside that one, and no new one. */
  isLate: boolean;
  /** Its link has been refused since it began. */
  isOld: boolean;
};
export type Source = {
  host: 'ready' | 'resting' | 'tired';
  /** Links to it that have not been refused. */
  links: number;
  canRenew: boolean;
  /** Failures until the host is given up. */
  patience: number;
  readonly lies: boolean;
};
export type Reader = {
  state: 'absent' | 'opening' | 'reading' | 'whole' | 'short' | 'reset' | 'left';
  position: number;
  /** Of what it has, something is wrong. */
  isWrong: boolean;
};

/** Rules that can be switched off, to see that the model would notice. */
export type Rules = {
  /** The last bytes wait for the verdict. */
  readonly holdsBack: boolean;
  /** A new reader waits for a fill that is ending. */
  readonly waitsForEnding: boolean;
  /** Whoever rests has a timer. */
  readonly wakes: boolean;
};
export const RULES: Rules = { holdsBack: true, waitsForEnding: true, wakes: true };

export type Size = {
  /** Of each source, and so of each reader. */
  readonly lies: readonly boolean[];
  readonly pieces: number;
  /** A fill that lacks no more than so many pieces is completed whoever has left. */
  readonly nearlyDone: number;
  /** In a row that bring nothing; or in all. */
  readonly renewals: number;
  /** Bytes that come allow as many renewals as before. */
  readonly renewsAgain: boolean;
  readonly hedges: number;
};
/** Small enough to be explored. */
export const SMALL: Omit<Size, 'lies'> = {
  pieces: 2,
  nearlyDone: 0,
  renewals: 1,
  renewsAgain: false,
  hedges: 1,
};

export const PATIENCE = 2;

export type Step = (event: string, change: (next: FillModel) => void) => void;

export const isThere = ({ state }: Reader): boolean => state === 'opening' || state === 'reading';
export const isIdle = ({ bringers, hedges }: FillModel): boolean =>
  bringers.every((bringer) => bringer === null) && hedges.every((hedge) => hedge === null);
/** Where it came to matters no more. */
export function gone(state: Reader['state'], isWrong = false): Reader {
  return { state, position: 0, isWrong };
}
