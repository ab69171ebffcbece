import type { Machine } from '../fill/model/explore.ts';

/**
 * One blob at several replicas (docs/adr/0018-replicas.md): who owns it by the lease, what its pieces and the whole in the store are, what is noted
 * of them in the shared state. Each replica has one client, that is, one fill; time is events that may come at any moment.
 */
export type OwnerModel = {
  /** Of the lease, as the state has it. */
  holder: number | null;
  isWanted: boolean;
  /** By piece: what the note is of, and what is in the store. */
  notes: Content[];
  pieces: Content[];
  whole: Content;
  replicas: Replica[];
  pausesLeft: number;
  deathsLeft: number;
  /** The state may lose everything. */
  lossesLeft: number;
  hasLost: boolean;
};

export type Content = 'none' | 'right' | 'wrong';
export type Replica = {
  state: 'idle' | 'filling' | 'verified' | 'uploading' | 'done' | 'failed' | 'dead';
  isPaused: boolean;
  /** It was once, so what it believes may be long over. */
  wasPaused: boolean;
  /** That the lease is its own. */
  believes: boolean;
  /** It knows that others want its pieces, whatever becomes of that in the state. */
  isAsked: boolean;
  /** `fetching`: its upstream is asked, and brings it whoever owns the lease by then. */
  local: (Content | 'fetching')[];
  /** Of each piece: whether it is on its way to the store, there, and noted. */
  given: ('no' | 'sent' | 'put' | 'noted')[];
  /** Something came from the store. */
  isUsed: boolean;
  /** Its upstream does. */
  readonly lies: boolean;
};

/** Rules that can be switched off, to see that the model would notice. */
export type OwnerRules = {
  /** Who lets go lets go of nothing but its own lease. */
  readonly releasesOwn: boolean;
  /** Nothing is published before its digest is right. */
  readonly verifies: boolean;
  /** The lease of who is not there any more ends. */
  readonly expires: boolean;
  /** Nobody waits for another one for ever. */
  readonly stalls: boolean;
};
export const OWNER_RULES: OwnerRules = {
  releasesOwn: true,
  verifies: true,
  expires: true,
  stalls: true,
};

/** How often each may happen. */
export type Trouble = { readonly pauses: number; readonly deaths: number; readonly losses: number };

type Step = (event: string, change: (next: OwnerModel, me: Replica) => void) => void;

export function createOwnerModel(
  rules: OwnerRules,
  lies: readonly boolean[],
  pieceCount: number,
  trouble: Trouble,
): Machine<OwnerModel> {
  const none = Array.from({ length: pieceCount }, (): Content => 'none');
  const initial: OwnerModel = {
    holder: null,
    isWanted: false,
    notes: none,
    pieces: none,
    whole: 'none',
    pausesLeft: trouble.pauses,
    deathsLeft: trouble.deaths,
    lossesLeft: trouble.losses,
    hasLost: false,
    replicas: lies.map((isLiar) => ({
      state: 'idle',
      isPaused: false,
      wasPaused: false,
      believes: false,
      isAsked: false,
      local: none,
      given: none.map(() => 'no'),
      isUsed: false,
      lies: isLiar,
    })),
  };
  return {
    initial: [initial],
    isTerminal: ({ replicas }) => !replicas.some((replica) => isAwake(replica) && isBusy(replica)),
    isChoice: (event) => /^(want|pause|wake|die|lose)/.test(event),
    check,
    next(state) {
      const steps: { event: string; state: OwnerModel }[] = [];
      const add = (event: string, change: (next: OwnerModel) => void): void => {
        const next = structuredCopy(state);
        change(next);
        steps.push({ event, state: next });
      };
      state.replicas.forEach((replica, index) => {
        const step: Step = (event, change) =>
          add(`${event} ${index}`, (next) => change(next, next.replicas[index] as Replica));
        ofTime(state, replica, step);
        if (!isAwake(replica)) return;
        ofSearch(state, replica, index, rules, step);
        ofGiving(state, replica, step);
        ofEnd(state, replica, index, rules, step);
      });
      const { holder } = state;
      const owner = holder === null ? undefined : state.replicas[holder];
      // Whoever is awake renews in time.
      if (rules.expires && owner !== undefined && !isAwake(owner))
        add('expire', (next) => (next.holder = null));
      if (state.lossesLeft > 0 && holder !== null) {
        add('lose the state', (next) => {
          const lossesLeft = next.lossesLeft - 1;
          Object.assign(next, { holder: null, isWanted: false, notes: none, lossesLeft, hasLost: true });
        });
      }
      return steps;
    },
  };
}

function structuredCopy(state: OwnerModel): OwnerModel {
  return {
    ...state,
    notes: [...state.notes],
    pieces: [...state.pieces],
    replicas: state.replicas.map((replica) => ({
      ...replica,
      local: [...replica.local],
      given: [...replica.given],
    })),
  };
}

const isAwake = ({ state, isPaused }: Replica): boolean => state !== 'dead' && !isPaused;
const isBusy = ({ state }: Replica): boolean =>
  state === 'filling' || state === 'verified' || state === 'uploading';

function check({ whole, replicas, holder, hasLost }: OwnerModel): string | undefined {
  if (whole === 'wrong') return 'a wrong blob is in the store';
  for (const [index, { state, local, believes, wasPaused }] of replicas.entries()) {
    const isWhole = state === 'verified' || state === 'uploading' || state === 'done';
    if (isWhole && local.includes('wrong')) return 'a wrong whole was delivered';
    // A state that has lost everything is the one reason for two who are awake and in time.
    if (state !== 'dead' && believes && !wasPaused && holder !== index && !hasLost) {
      return 'the lease of one who was always there was taken away';
    }
  }
  return undefined;
}

function ofTime(state: OwnerModel, replica: Replica, step: Step): void {
  const { isPaused } = replica;
  if (replica.state === 'idle') step('want', (_, me) => (me.state = 'filling'));
  if (isPaused) step('wake', (_, me) => (me.isPaused = false));
  if (!isAwake(replica) || !isBusy(replica)) return;
  if (state.pausesLeft > 0) {
    step('pause', (next, me) => {
      next.pausesLeft -= 1;
      me.isPaused = true;
      me.wasPaused = true;
    });
  }
  if (state.deathsLeft > 0) {
    step('die', (next, me) => {
      next.deathsLeft -= 1;
      Object.assign(me, { state: 'dead', local: [], given: [], isAsked: false, isUsed: false });
    });
  }
}

/** What its fill looks for: at the store, then by the lease at its own upstream. */
function ofSearch(state: OwnerModel, replica: Replica, index: number, rules: OwnerRules, step: Step): void {
  const { believes, local } = replica;
  const { holder, whole, notes, pieces } = state;
  if (believes && holder !== index) step('learn', (_, me) => (me.believes = false));
  if (replica.state !== 'filling') return;
  local.forEach((content, piece) => {
    if (content === 'fetching') {
      step(`fetch ${piece}`, (_, me) => (me.local[piece] = me.lies ? 'wrong' : 'right'));
    }
    if (content !== 'none') return;
    const noted = notes[piece] ?? 'none';
    const take = (from: Content) => (_: OwnerModel, me: Replica) => {
      me.local[piece] = from;
      me.isUsed = true;
    };
    if (whole !== 'none') step(`whole ${piece}`, take(whole));
    else if (noted !== 'none' && pieces[piece] === noted) step(`piece ${piece}`, take(noted));
    if (believes) step(`own ${piece}`, (_, me) => (me.local[piece] = 'fetching'));
    else if (holder !== null && rules.stalls) {
      step(`stall ${piece}`, (_, me) => (me.local[piece] = 'fetching'));
    }
  });
  if (believes || !local.includes('none')) return;
  if (holder === null) {
    step('lease', (next, me) => {
      next.holder = index;
      me.believes = true;
    });
  } else if (!state.isWanted) step('ask', (next) => (next.isWanted = true));
}

/** Sent, put, and then noted: between two of them anything may happen, also to its lease. */
function ofGiving(state: OwnerModel, replica: Replica, step: Step): void {
  const { believes, local, given, isAsked } = replica;
  if (believes && isBusy(replica) && state.isWanted && !isAsked) step('hear', (_, me) => (me.isAsked = true));
  local.forEach((content, piece) => {
    if (content === 'none' || content === 'fetching') return;
    if (given[piece] === 'no' && believes && isAsked && isBusy(replica)) {
      step(`send ${piece}`, (_, me) => (me.given[piece] = 'sent'));
    }
    if (given[piece] === 'sent') {
      step(`put ${piece}`, (next, me) => {
        next.pieces[piece] = content;
        me.given[piece] = 'put';
      });
    }
    if (given[piece] === 'put') {
      step(`note ${piece}`, (next, me) => {
        // What is known to be wrong is not told of any more.
        if (me.state !== 'failed') next.notes[piece] = content;
        me.given[piece] = 'noted';
      });
    }
  });
  if (replica.state === 'done' && given.some((how) => how !== 'no')) {
    step('remove', (next, me) => {
      next.pieces = next.pieces.map((content, piece) => (me.given[piece] === 'no' ? content : 'none'));
      me.given = me.given.map(() => 'no');
    });
  }
}

function ofEnd(state: OwnerModel, replica: Replica, index: number, rules: OwnerRules, step: Step): void {
  const { holder } = state;
  const letGo = (next: OwnerModel, me: Replica): void => {
    if (me.believes && (next.holder === index || !rules.releasesOwn)) next.holder = null;
    me.believes = false;
  };
  if (replica.state === 'filling' && !replica.local.some((how) => how === 'none' || how === 'fetching')) {
    step('verdict', (next, me) => {
      if (!me.local.includes('wrong') || !rules.verifies) {
        me.state = 'verified';
        return;
      }
      me.state = 'failed';
      // What it gave is wrong, and so may be what it was given.
      next.notes = next.notes.map((content, piece) => (me.given[piece] === 'no' ? content : 'none'));
      if (me.isUsed) next.whole = 'none';
      letGo(next, me);
    });
  }
  if (replica.state === 'verified') {
    step('upload', (next, me) => {
      if (!me.believes && holder !== null) {
        me.state = 'done';
        return;
      }
      if (!me.believes) next.holder = index;
      me.believes = true;
      me.state = 'uploading';
    });
  }
  if (replica.state !== 'uploading') return;
  // However late it is: what is there stays, and what it brings is verified.
  step('uploaded', (next, me) => {
    if (next.whole === 'none') next.whole = me.local.includes('wrong') ? 'wrong' : 'right';
    me.state = 'done';
    letGo(next, me);
  });
}
