/** A machine that is small enough to look at every state of it. */
export type Machine<State> = {
  readonly initial: readonly State[];
  /** Everything that can happen next, each by a name. */
  next(state: State): readonly { readonly event: string; readonly state: State }[];
  /** What is wrong with a state; undefined: nothing. */
  check(state: State): string | undefined;
  /** It may happen, and nobody may count on it: whoever waits must come to an end without. */
  isChoice(event: string): boolean;
  /** Nothing needs to happen any more. */
  isTerminal(state: State): boolean;
};

export type Exploration = {
  readonly states: number;
  readonly steps: number;
  /** Each with the events that lead there, the fewest there are. */
  readonly violations: readonly { readonly what: string; readonly events: readonly string[] }[];
  /** The fewest events to each state. */
  readonly paths: readonly (readonly string[])[];
};

type Found<State> = {
  readonly state: State;
  readonly from: Found<State> | undefined;
  readonly event: string;
  readonly before: Found<State>[];
};

/**
 * Breadth first, so that what leads to a violation is as short as can be. Looks for states that are wrong, for ends that are none, and for
 * states from which no end can be reached.
 */
export function explore<State>(machine: Machine<State>, maxStates: number): Exploration {
  const found = new Map<string, Found<State>>();
  const queue: Found<State>[] = [];
  const violations: { what: string; events: readonly string[] }[] = [];
  let steps = 0;

  function visit(state: State, from: Found<State> | undefined, event: string): void {
    const key = JSON.stringify(state);
    const known = found.get(key);
    if (known !== undefined) {
      if (from !== undefined && !machine.isChoice(event)) known.before.push(from);
      return;
    }
    const fresh = { state, from, event, before: from === undefined || machine.isChoice(event) ? [] : [from] };
    found.set(key, fresh);
    queue.push(fresh);
    if (found.size > maxStates) throw new RangeError(`more than ${maxStates} states`);
  }

  for (const state of machine.initial) visit(state, undefined, '');
  for (let index = 0; index < queue.length; index += 1) {
    const here = queue[index] as Found<State>;
    const wrong = machine.check(here.state);
    if (wrong !== undefined) violations.push({ what: wrong, events: pathTo(here) });
    const next = machine.next(here.state);
    steps += next.length;
    if (next.every(({ event }) => machine.isChoice(event)) && !machine.isTerminal(here.state)) {
      violations.push({ what: 'nothing can happen any more', events: pathTo(here) });
    }
    for (const { event, state } of next) visit(state, here, event);
  }
  const ending = new Set(queue.filter(({ state }) => machine.isTerminal(state)));
  for (const here of ending) for (const earlier of here.before) ending.add(earlier);
  for (const here of queue) {
    if (!ending.has(here)) violations.push({ what: 'no end can be reached', events: pathTo(here) });
  }
  return { states: found.size, steps, violations, paths: queue.map(pathTo) };
}

function pathTo<State>(end: Found<State>): string[] {
  const events: string[] = [];
  for (let here: Found<State> | undefined = end; here !== undefined; here = here.from) {
    if (here.event !== '') events.unshift(here.event);
  }
  return events;
}
