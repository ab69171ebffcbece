import type { Machine } from './explore.ts';

/**
 * The fill of docs/adr/0015-fill.md with everything left out that no decision depends on: bytes are pieces, clocks are
 * timers that may fire at any time, messages arrive at once. Two pieces, two readers, two sources; one of the sources may lie.
 */
export type FillModel = {
  fill: 'none' | 'opening' | 'filling' | 'failed' | 'verified' | 'ending';
  /** Of the blob on disk. */
  published: 'no' | 'right' | 'wrong';
  /** Owners that have the spool. */
  owners: number;
  pieces: Piece[];
  /** Which source brings a piece, and which one races for it. */
  bringers: (number | null)[];
  hedges: (number | null)[];
  sources: Source[];
  /** A fresh signature is being asked for. */
  isRenewing: boolean;
  renewalsLeft: number;
  hedgesLeft: number;
  readers: Reader[];
};

type Piece = 'missing' | 'right' | 'wrong';
type Source = {
  state: 'unknown' | 'ready' | 'resting' | 'expired' | 'gone';
  /** Failures until it is given up. */
  patience: number;
  readonly lies: boolean;
};
type Reader = {
  state: 'absent' | 'opening' | 'reading' | 'whole' | 'short' | 'reset' | 'left';
  position: number;
  /** Of what it has, something is wrong. */
  isWrong: boolean;
};

const PIECES = 2;
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

export function createFillModel(
  rules: Rules,
  lies: readonly boolean[],
  renewals: number,
): Machine<FillModel> {
  const initial: FillModel = {
    fill: 'none',
    published: 'no',
    owners: 0,
    pieces: ['missing', 'missing'],
    bringers: [null, null],
    hedges: [null, null],
    sources: lies.map((isLiar) => ({ state: 'unknown', patience: 2, lies: isLiar })),
    isRenewing: false,
    renewalsLeft: renewals,
    hedgesLeft: 1,
    readers: [0, 1].map(() => ({ state: 'absent', position: 0, isWrong: false })),
  };
  return {
    initial: [initial],
    isTerminal: isOver,
    // A client may stay for ever, a hedge need not begin, and nobody needs to come.
    isChoice: (event) => /^(leave|join|found|hedge)/.test(event),
    check,
    next(state) {
      const steps: { event: string; state: FillModel }[] = [];
      const step = (event: string, change: (next: FillModel) => void): void => {
        const next = clone(state);
        change(next);
        steps.push({ event, state: next });
      };
      ofReaders(state, rules, step);
      ofOwner(state, step);
      ofSources(state, rules, step);
      return steps;
    },
  };
}

function clone(state: FillModel): FillModel {
  return {
    ...state,
    pieces: [...state.pieces],
    bringers: [...state.bringers],
    hedges: [...state.hedges],
    sources: state.sources.map((source) => ({ ...source })),
    readers: state.readers.map((reader) => ({ ...reader })),
  };
}

type Step = (event: string, change: (next: FillModel) => void) => void;

const isThere = ({ state }: Reader): boolean => state === 'opening' || state === 'reading';
const isLive = ({ fill }: FillModel): boolean =>
  fill === 'filling' || fill === 'verified' || fill === 'failed';

function isOver({ fill, readers }: FillModel): boolean {
  return fill === 'none' && !readers.some(isThere);
}

function check(state: FillModel): string | undefined {
  if (state.owners > 1) return 'two owners of one spool';
  if (state.published === 'wrong') return 'a wrong blob was published';
  const isWrong = state.readers.some((reader) => reader.state === 'whole' && reader.isWrong);
  return isWrong ? 'a wrong whole was delivered' : undefined;
}

function ofReaders(state: FillModel, rules: Rules, step: Step): void {
  state.readers.forEach((reader, index) => {
    if (reader.state === 'absent') {
      if (state.published === 'right' && state.fill === 'none') {
        step(`found ${index}`, (next) => {
          next.readers[index] = { ...reader, state: 'whole', position: PIECES };
        });
      } else if (state.fill === 'none' || (state.fill === 'ending' && !rules.waitsForEnding)) {
        step(`join ${index}`, (next) => {
          next.fill = 'opening';
          next.owners += 1;
          next.readers[index] = { ...reader, state: 'opening' };
          addSource(next, index);
        });
      } else if (state.fill !== 'ending') {
        step(`join ${index}`, (next) => {
          if (next.fill === 'failed') next.fill = 'filling';
          next.readers[index] = { ...reader, state: 'opening' };
          addSource(next, index);
        });
      }
      return;
    }
    if (!isThere(reader)) return;
    step(`leave ${index}`, (next) => {
      next.readers[index] = { ...reader, state: 'left' };
    });
    const piece = state.pieces[reader.position];
    const isLast = reader.position === PIECES - 1;
    const mayRead = !isLast || state.fill === 'verified' || !rules.holdsBack;
    if (isLive(state) && piece !== undefined && piece !== 'missing' && mayRead) {
      step(`read ${index}`, (next) => {
        next.readers[index] = {
          state: isLast ? 'whole' : 'reading',
          position: reader.position + 1,
          isWrong: reader.isWrong || piece === 'wrong',
        };
      });
    }
  });
}

function addSource({ sources }: FillModel, index: number): void {
  const source = sources[index] as Source;
  if (source.state === 'unknown' || source.state === 'gone')
    Object.assign(source, { state: 'ready', patience: 2 });
}

function ofOwner(state: FillModel, step: Step): void {
  const { fill, pieces, readers, bringers, hedges } = state;
  const isIdle = bringers.every((bringer) => bringer === null) && hedges.every((hedge) => hedge === null);
  if (fill === 'opening') step('open', (next) => (next.fill = 'filling'));
  if (fill === 'filling') {
    if (!pieces.includes('missing')) step('verdict', (next) => judge(next));
    else if (readers.some(isThere)) schedule(state, step);
  }
  if (fill === 'failed') {
    // Whoever is dry ends short; in the model all are, as soon as what is there has been read.
    readers.forEach((reader, index) => {
      if (isThere(reader) && pieces[reader.position] === 'missing') {
        step(`short ${index}`, (next) => {
          next.readers[index] = { ...reader, state: 'short' };
        });
      }
    });
  }
  const isLeft = !readers.some(isThere);
  if (isLive(state) && isLeft && isIdle) {
    step('end', (next) => {
      if (next.fill === 'verified') next.published = 'right';
      next.fill = 'ending';
    });
  }
  if (fill === 'ending' && isIdle) {
    step('released', (next) => {
      next.fill = 'none';
      next.owners -= 1;
      next.isRenewing = false;
    });
  }
}

function judge(next: FillModel): void {
  if (!next.pieces.includes('wrong')) {
    next.fill = 'verified';
    return;
  }
  next.pieces = ['missing', 'missing'];
  next.fill = 'ending';
  // Quarantined.
  for (const source of next.sources) if (source.lies && source.state !== 'unknown') source.state = 'gone';
  next.readers = next.readers.map((reader) => (isThere(reader) ? { ...reader, state: 'reset' } : reader));
}

function schedule(
  { sources, pieces, bringers, hedges, hedgesLeft, isRenewing }: FillModel,
  step: Step,
): void {
  const ready = sources.flatMap(({ state }, index) => (state === 'ready' ? [index] : []));
  pieces.forEach((piece, index) => {
    if (piece !== 'missing') return;
    const bringer = bringers[index] ?? null;
    for (const source of ready) {
      if (bringer === null) step(`ask ${index} of ${source}`, (next) => (next.bringers[index] = source));
      else if (hedges[index] === null && hedgesLeft > 0) {
        step(`hedge ${index} at ${source}`, (next) => {
          next.hedges[index] = source;
          next.hedgesLeft -= 1;
        });
      }
    }
  });
  const isIdle = bringers.every((bringer) => bringer === null);
  const isWaiting = sources.some(({ state }) => state === 'resting') || isRenewing;
  if (ready.length === 0 && isIdle && !isWaiting) step('no source is left', (next) => (next.fill = 'failed'));
}

function ofSources(state: FillModel, rules: Rules, step: Step): void {
  state.pieces.forEach((_, piece) => {
    for (const role of ['bringers', 'hedges'] as const) {
      const source = state[role][piece] ?? null;
      if (source === null) continue;
      if (state.fill !== 'filling') {
        step(`abort ${piece} of ${source}`, (next) => (next[role][piece] = null));
        continue;
      }
      step(`land ${piece} of ${source}`, (next) => {
        next.pieces[piece] = next.sources[source]?.lies === true ? 'wrong' : 'right';
        // The one that is ahead brings the piece; the other one ends.
        next.bringers[piece] = null;
        next.hedges[piece] = null;
      });
      for (const how of ['cut', 'expire'] as const) {
        step(`${how} ${piece} of ${source}`, (next) => {
          fail(next, source, how);
          next[role][piece] = null;
          if (role === 'bringers') {
            next.bringers[piece] = next.hedges[piece] ?? null;
            next.hedges[piece] = null;
          }
        });
      }
    }
  });
  state.sources.forEach(({ state: is }, index) => {
    if (is === 'resting' && rules.wakes) {
      step(`wake ${index}`, (next) => ((next.sources[index] as Source).state = 'ready'));
    }
  });
  if (!state.isRenewing) return;
  const expired = state.sources.findIndex(({ state: is }) => is === 'expired');
  for (const how of ['renewed', 'no credentials'] as const) {
    step(how, (next) => {
      next.isRenewing = false;
      const source = next.sources[expired];
      if (source !== undefined) source.state = how === 'renewed' ? 'ready' : 'gone';
    });
  }
}

function fail(next: FillModel, index: number, how: 'cut' | 'expire'): void {
  const source = next.sources[index] as Source;
  if (source.state !== 'ready') return;
  if (how === 'expire') {
    if (next.renewalsLeft > 0 && !next.isRenewing) {
      next.renewalsLeft -= 1;
      next.isRenewing = true;
      source.state = 'expired';
    } else source.state = 'gone';
    return;
  }
  source.patience -= 1;
  source.state = source.patience > 0 ? 'resting' : 'gone';
}
