import assert from 'node:assert/strict';
import type { Machine } from './explore.ts';
import type { Seen, SeenReader } from './fill-rig.ts';
import { type FillModel, isIdle, isThere, type Reader, type Size } from './fill-state.ts';
import { isNeeded } from './source-model.ts';

/** The model beside the real fill: all of its states that what was seen so far leaves possible. */
export type Followed = {
  /** Whether this can happen now: one of the model's events, or one that it has no word for (`FillRig`). */
  allows(event: string): boolean;
  /** It has happened, and this is seen now. Throws where the model has no way there, or where it could not stand still. */
  saw(event: string, seen: Seen): void;
};

/** What a fill does by itself. */
const OWN_EVENT = /^(open|verdict|ask|no source|renew at|refuse|short|read|end|abort|released)\b/;

export function followModel(machine: Machine<FillModel>, size: Size): Followed {
  let states: readonly FillModel[] = machine.initial;
  const paused = new Set<number>();
  /** Those that are absent all the same wait at the door. */
  const joined = new Set<number>();
  /** The wait for another reader is over. */
  let hasLingered = false;

  const after = (state: FillModel, event: string): FillModel[] =>
    machine.next(state).flatMap((next) => (next.event === event ? [next.state] : []));

  /** Whether the fill does this by itself, and it may have by what is seen. */
  function isOwn(event: string, { requests, renewing, readers }: Seen): boolean {
    const [what = '', first = '', , from] = event.split(' ');
    const index = Number(first);
    if (what === 'join' || what === 'found') return joined.has(index);
    if (what === 'ask') return requests.includes(`${first} of ${from}`);
    if (event.startsWith('renew at')) return renewing === Number(event.split(' ')[2]);
    if (what === 'refuse' || what === 'short') return readers[index]?.state === 'short';
    return OWN_EVENT.test(event);
  }

  /** A fill that stands still in this state though this can happen has forgotten somebody. */
  function isDue(event: string, state: FillModel, seen: Seen): boolean {
    const [what = '', first = ''] = event.split(' ');
    const index = Number(first);
    if (what === 'join' || what === 'found') return joined.has(index);
    if (what === 'read' || what === 'short') return !paused.has(index);
    // More than one at a time is a matter of speed.
    if (what === 'ask') return isIdle(state);
    if (event.startsWith('renew at')) return isIdle(state) && isNeeded(state, size);
    // It lingers.
    if (what === 'end') return state.fill !== 'filling' || (hasLingered && !isNeeded(state, size));
    if (what === 'released') return !seen.isEnding;
    return what === 'open' || what === 'verdict' || what === 'abort' || event.startsWith('no source');
  }

  function reachable(from: readonly FillModel[], seen: Seen): FillModel[] {
    const found = new Map(from.map((state) => [JSON.stringify(state), state]));
    for (const state of found.values()) {
      for (const next of machine.next(state)) {
        if (isOwn(next.event, seen)) found.set(JSON.stringify(next.state), next.state);
      }
    }
    return [...found.values()];
  }

  function agrees(state: FillModel, seen: Seen): boolean {
    const requests = state.bringers.flatMap((request, piece) =>
      request === null ? [] : [`${piece} of ${request.source}`],
    );
    const resting = state.sources.flatMap(({ host }, index) => (host === 'resting' ? [index] : []));
    return (
      (state.fill !== 'none') === seen.isFilling &&
      (state.fill === 'ending') === seen.isEnding &&
      String(requests.toSorted()) === String(seen.requests) &&
      // Once all has come, what still rests or is renewed is of no matter.
      (state.fill === 'verified' || state.renewing === seen.renewing) &&
      (state.fill !== 'filling' || String(resting) === String(seen.resting)) &&
      // Before its readers have gone it is a matter of the disk.
      (state.fill === 'verified' || state.published === seen.published) &&
      state.readers.every((reader, index) => isSame(reader, seen.readers[index], joined.has(index)))
    );
  }

  function isSame(reader: Reader, seen: SeenReader | undefined, hasJoined: boolean): boolean {
    const pieces = Math.min(size.pieces - 1, seen?.pieces ?? 0);
    if (reader.state === 'absent') return seen?.state === (hasJoined ? 'waiting' : 'absent');
    if (reader.state === 'opening' && seen?.state === 'waiting') return true;
    if (isThere(reader)) return seen?.state === 'reading' && pieces === reader.position;
    return seen?.state === reader.state;
  }

  return {
    allows(event) {
      const [what = '', first = ''] = event.split(' ');
      const index = Number(first);
      const reader = (state: FillModel): Reader | undefined => state.readers[index];
      if (what === 'join') return !joined.has(index) && states.some((state) => reader(state) !== undefined);
      if (what === 'resume') return paused.has(index);
      if (what === 'linger') {
        return states.some(({ fill, readers }) => fill === 'filling' && !readers.some(isThere));
      }
      if (what !== 'pause') return states.some((state) => after(state, event).length > 0);
      return (
        !paused.has(index) &&
        states.some((state) => {
          const here = reader(state);
          return here !== undefined && isThere(here);
        })
      );
    },
    saw(event, seen) {
      const [what = '', first = ''] = event.split(' ');
      hasLingered = what === 'linger' || (hasLingered && what !== 'join');
      if (what === 'join') joined.add(Number(first));
      else if (what === 'pause') paused.add(Number(first));
      else if (what === 'resume') paused.delete(Number(first));
      else if (what !== 'linger') states = states.flatMap((state) => after(state, event));
      assert.ok(seen.mostOwners <= 1, 'two owners of one spool');
      assert.notEqual(seen.published, 'wrong', 'a wrong blob was published');
      for (const { state, pieces, isRight } of seen.readers) {
        assert.ok(isRight || (size.lies.includes(true) && state !== 'whole'), 'wrong bytes were delivered');
        assert.ok(state !== 'whole' || pieces === size.pieces, 'a whole was none');
      }
      const possible = reachable(states, seen);
      const agreeing = possible.filter((state) => agrees(state, seen));
      assert.ok(agreeing.length > 0, () =>
        report(`after "${event}" the model can not be here`, seen, possible),
      );
      states = agreeing.filter(
        (state) => !machine.next(state).some((next) => isDue(next.event, state, seen)),
      );
      assert.ok(states.length > 0, () =>
        report(`after "${event}" somebody waits for what has happened`, seen, agreeing),
      );
    },
  };
}

/** Few of them say what is meant. */
const REPORTED = 3;

function report(what: string, seen: Seen, states: readonly FillModel[]): string {
  const some = states.slice(-REPORTED).map((state) => JSON.stringify(state));
  return [what, `seen: ${JSON.stringify(seen)}`, `model: ${some.join('\n')}`].join('\n');
}
