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

const isUsable = ({ host, links }: Source): boolean => links > 0 && host !== 'tired';
const isReady = ({ host, links }: Source): boolean => links > 0 && host === 'ready';

/** Somebody is there for whom it is fetched, or so little is missing that it is fetched for whoever comes. */
export function isNeeded({ readers, pieces }: FillModel, { nearlyDone }: Size): boolean {
  return readers.some(isThere) || pieces.filter((piece) => piece === 'missing').length <= nearlyDone;
}

/** What the owner may do for the pieces that are missing. */
export function schedule(state: FillModel, size: Size, step: Step): void {
  const { sources, pieces, bringers, hedges, hedgesLeft, renewing, renewalsLeft } = state;
  const needed = isNeeded(state, size);
  pieces.forEach((piece, index) => {
    if (piece !== 'missing' || !needed) return;
    const bringer = bringers[index] ?? null;
    sources.forEach((source, from) => {
      if (!isReady(source)) return;
      const request = { source: from, isLate: false, isOld: false };
      if (bringer === null) step(`ask ${index} of ${from}`, (next) => (next.bringers[index] = request));
      else if (hedges[index] === null && hedgesLeft > 0) {
        step(`hedge ${index} at ${from}`, (next) => {
          next.hedges[index] = request;
          next.hedgesLeft -= 1;
        });
      }
    });
  });
  const isWaiting = sources.some(isUsable) || renewing !== null;
  refuse(state, step);
  if (isWaiting) return;
  // While one of them lasts there is no hurry.
  const renewable = sources.flatMap(({ canRenew }, index) => (canRenew ? [index] : []));
  if (renewalsLeft > 0) {
    for (const source of renewable) step(`renew at ${source}`, (next) => (next.renewing = source));
  }
  const isPossible = renewable.length > 0 && renewalsLeft > 0;
  if (needed && isIdle(state) && !isPossible) step('no source is left', (next) => (next.fill = 'failed'));
}

/** Whoever has nothing yet may be told so while it can still be told: its patience is shorter than that with the hosts. */
function refuse(state: FillModel, step: Step): void {
  if (!isIdle(state) || state.sources.some(isReady)) return;
  state.readers.forEach((reader, index) => {
    if (reader.state === 'opening' && reader.position === 0 && state.pieces[0] === 'missing') {
      step(`refuse ${index}`, (next) => {
        next.readers[index] = gone('short');
      });
    }
  });
}

/** What becomes of requests, rests and renewals. */
export function ofSources(state: FillModel, rules: Rules, size: Size, step: Step): void {
  state.pieces.forEach((_, piece) => {
    for (const role of ['bringers', 'hedges'] as const) {
      const request = state[role][piece] ?? null;
      if (request === null) continue;
      const { source } = request;
      if (state.fill !== 'filling') {
        step(`abort ${piece} of ${source}`, (next) => (next[role][piece] = null));
        continue;
      }
      step(`land ${piece} of ${source}`, (next) => {
        const from = next.sources[source] as Source;
        next.pieces[piece] = from.lies ? 'wrong' : 'right';
        // Progress: what was before counts no more.
        from.patience = PATIENCE;
        progress(next, size);
        // The one that is ahead brings the piece; the other one ends.
        next.bringers[piece] = null;
        next.hedges[piece] = null;
      });
      for (const how of ['cut', 'expire'] as const) {
        step(`${how} ${piece} of ${source}`, (next) => {
          next[role][piece] = null;
          fail(next, request, how, size);
          if (role === 'bringers') {
            next.bringers[piece] = next.hedges[piece] ?? null;
            next.hedges[piece] = null;
          }
        });
      }
    }
  });
  state.sources.forEach(({ host }, index) => {
    if (host === 'resting' && rules.wakes && state.fill === 'filling') {
      step(`wake ${index}`, (next) => ((next.sources[index] as Source).host = 'ready'));
    }
  });
  const { renewing } = state;
  if (renewing === null || state.fill !== 'filling') return;
  step('renewed', (next) => {
    next.renewing = null;
    next.renewalsLeft -= 1;
    (next.sources[renewing] as Source).links += 1;
  });
  // The others are asked, too, also those that could be fetched from.
  const others = state.sources.flatMap(({ canRenew }, index) =>
    canRenew && index !== renewing ? [index] : [],
  );
  for (const other of others.length > 0 ? others : [null]) {
    step('no credentials', (next) => {
      (next.sources[renewing] as Source).canRenew = false;
      next.renewing = other;
    });
  }
}

function progress(next: FillModel, { renewsAgain, renewals }: Size): void {
  if (renewsAgain) next.renewalsLeft = renewals;
}

function fail(
  next: FillModel,
  { source: index, isLate, isOld }: Request,
  how: 'cut' | 'expire',
  size: Size,
): void {
  const source = next.sources[index] as Source;
  const others = [...next.bringers, ...next.hedges].filter((request) => request?.source === index);
  if (how === 'expire') {
    if (isOld) return;
    source.links -= 1;
    for (const other of others) if (other !== null) other.isOld = true;
    return;
  }
  // Some bytes have come before.
  progress(next, size);
  if (isLate) return;
  source.patience -= 1;
  source.host = source.patience > 0 ? 'resting' : 'tired';
  for (const other of others) if (other !== null) other.isLate = true;
}
