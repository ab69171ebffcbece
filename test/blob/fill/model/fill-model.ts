import type { Machine } from './explore.ts';
import {
  type FillModel,
  gone,
  isIdle,
  isThere,
  PATIENCE,
  type Request,
  type Rules,
  type Size,
  type Source,
  type Step,
} from './fill-state.ts';
import { ofSources, schedule } from './source-model.ts';

export function createFillModel(rules: Rules, size: Size): Machine<FillModel> {
  const { lies, pieces, hedges, renewals } = size;
  const none = Array.from({ length: pieces }, () => null);
  const initial: FillModel = {
    fill: 'none',
    published: 'no',
    owners: 0,
    pieces: none.map(() => 'missing'),
    bringers: none,
    hedges: none,
    sources: lies.map(unknownSource),
    renewing: null,
    renewalsLeft: renewals,
    hedgesLeft: hedges,
    readers: lies.map(() => ({ state: 'absent', position: 0, isWrong: false })),
  };
  return {
    initial: [initial],
    isTerminal: isOver,
    // A client may stay for ever, or longer than the others of its kind; a hedge need not begin, and nobody needs to come.
    isChoice: (event) => /^(leave|join|found|hedge|refuse)/.test(event),
    check,
    next(state) {
      const steps: { event: string; state: FillModel }[] = [];
      const step: Step = (event, change) => {
        const next = clone(state);
        change(next);
        steps.push({ event, state: next });
      };
      ofReaders(state, rules, step);
      ofOwner(state, size, step);
      ofSources(state, rules, size, step);
      return steps;
    },
  };
}

/** A fill knows none but those of its own readers. */
function unknownSource(lies: boolean): Source {
  return { host: 'ready', links: 0, canRenew: false, patience: PATIENCE, lies };
}

function clone(state: FillModel): FillModel {
  const cloned = (request: Request | null): Request | null => request && { ...request };
  return {
    ...state,
    pieces: [...state.pieces],
    bringers: state.bringers.map(cloned),
    hedges: state.hedges.map(cloned),
    sources: state.sources.map((source) => ({ ...source })),
    readers: state.readers.map((reader) => ({ ...reader })),
  };
}

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
  const { length } = state.pieces;
  state.readers.forEach((reader, index) => {
    if (reader.state === 'absent') {
      if (state.published === 'right' && state.fill === 'none') {
        step(`found ${index}`, (next) => {
          next.readers[index] = gone('whole');
        });
      } else if (state.fill === 'none' || (state.fill === 'ending' && !rules.waitsForEnding)) {
        step(`join ${index}`, (next) => {
          next.fill = 'opening';
          next.owners += 1;
          next.readers[index] = { ...reader, state: 'opening' };
          addTicket(next, index);
        });
      } else if (state.fill !== 'ending') {
        step(`join ${index}`, (next) => {
          if (next.fill === 'failed') next.fill = 'filling';
          next.readers[index] = { ...reader, state: 'opening' };
          if (next.fill !== 'verified') addTicket(next, index);
        });
      }
      return;
    }
    if (!isThere(reader)) return;
    step(`leave ${index}`, (next) => {
      next.readers[index] = { ...reader, state: 'left' };
    });
    const piece = state.pieces[reader.position];
    const isLast = reader.position === length - 1;
    const mayRead = !isLast || state.fill === 'verified' || !rules.holdsBack;
    if (isLive(state) && piece !== undefined && piece !== 'missing' && mayRead) {
      step(`read ${index}`, (next) => {
        const isWrong = reader.isWrong || piece === 'wrong';
        next.readers[index] = isLast
          ? gone('whole', isWrong)
          : { state: 'reading', position: reader.position + 1, isWrong };
      });
    }
  });
}

/** Also a new chance for every host that was given up. */
function addTicket({ sources }: FillModel, index: number): void {
  for (const source of sources) {
    if (source.host === 'tired') Object.assign(source, { host: 'ready', patience: PATIENCE });
  }
  const source = sources[index] as Source;
  source.links += 1;
  source.canRenew = true;
}

function ofOwner(state: FillModel, size: Size, step: Step): void {
  const { fill, pieces, readers } = state;
  if (fill === 'opening') step('open', (next) => (next.fill = 'filling'));
  if (fill === 'filling') {
    if (!pieces.includes('missing')) step('verdict', (next) => judge(next, size));
    else schedule(state, size, step);
  }
  if (fill === 'failed') {
    // Whoever is dry ends short; in the model all are, as soon as what is there has been read.
    readers.forEach((reader, index) => {
      if (isThere(reader) && pieces[reader.position] === 'missing') {
        step(`short ${index}`, (next) => {
          next.readers[index] = gone('short');
        });
      }
    });
  }
  if (isLive(state) && !readers.some(isThere) && isIdle(state)) {
    step('end', (next) => {
      if (next.fill === 'verified') next.published = next.pieces.includes('wrong') ? 'wrong' : 'right';
      finish(next, 'ending', size);
    });
  }
  if (fill === 'ending' && isIdle(state)) {
    step('released', (next) => {
      next.fill = 'none';
      next.owners -= 1;
    });
  }
}

/** Nothing is asked of anybody from now on. */
function finish(next: FillModel, fill: 'verified' | 'ending', { renewals, renewsAgain }: Size): void {
  next.fill = fill;
  next.renewing = null;
  if (renewsAgain) next.renewalsLeft = renewals;
  next.sources = next.sources.map(({ lies }) => unknownSource(lies));
}

function judge(next: FillModel, size: Size): void {
  if (!next.pieces.includes('wrong')) {
    finish(next, 'verified', size);
    return;
  }
  // Nothing of it stays. Its hosts are asked last from now on, which forbids nothing.
  next.pieces = next.pieces.map(() => 'missing');
  finish(next, 'ending', size);
  next.readers = next.readers.map((reader) => (isThere(reader) ? gone('reset') : reader));
}
