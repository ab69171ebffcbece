import assert from 'node:assert/strict';
import type { Machine } from '../fill/model/explore.ts';
import type { OwnerModel, Replica } from './owner-model.ts';
import type { Seen } from './owner-rig.ts';
import type { SeenReplica } from './replica-rig.ts';

/** The model beside the real replicas: all of its states that what was seen so far leaves possible. */
export type FollowedOwner = {
  /** Whether this can happen now: one of the model's events, or `pass`. */
  allows(event: string): boolean;
  /** It has happened, and this is seen now. Throws where the model has no way there, or where it could not stand still. */
  saw(event: string, seen: Seen): void;
};

/** What replicas and the state do by themselves. */
const OWN_EVENT = /^(learn|whole|piece|own|stall|lease|ask|hear|send|remove|verdict|upload|expire)\b/;
/** Milliseconds in all: a record lives for 300 s, and the model knows of no end of it. */
const MAX_PASSED_MS = 250_000;
/** Milliseconds after which somebody has looked again: 100 between two looks. */
const LOOKED_MS = 200;
/** The same of who waits for his upload: a second. */
const UPLOAD_LOOKED_MS = 2_000;
/** Milliseconds after which nobody waits any more: leases end after 6 s, patience after 15 s, pieces stay for 20 s. */
const OVER_MS = 30_000;

export function followOwner(machine: Machine<OwnerModel>): FollowedOwner {
  let states: readonly OwnerModel[] = machine.initial;
  let passedMs = 0;

  const after = (state: OwnerModel, event: string): OwnerModel[] =>
    machine.next(state).flatMap((next) => (next.event === event ? [next.state] : []));

  /** Whether it may have happened by what is seen. */
  function isOwn(event: string, state: OwnerModel, seen: Seen): boolean {
    if (!OWN_EVENT.test(event)) return false;
    const { what, piece, index } = parse(event);
    const replica = seen.replicas[index];
    if (what === 'expire') return true;
    if (what === 'send') return seen.putting.includes(`${piece} ${index}`);
    if (what === 'ask') return seen.isWanted;
    if (what === 'learn') return replica?.believes === false || seen.holder === index;
    if (what === 'own' || what === 'stall') return replica?.local[piece] !== 'none';
    if (what === 'whole' || what === 'piece') return isHad(replica?.local[piece]);
    if (what === 'verdict' || what === 'upload') return replica?.state !== 'filling';
    // Of what it gave itself nothing is there any more; others' pieces stay.
    if (what === 'remove') {
      const given = state.replicas[index]?.given ?? [];
      const isThere = (content: string, at: number) => content !== 'none' && seen.pieces[at] === content;
      return !state.pieces.some((content, at) => given[at] !== 'no' && isThere(content, at));
    }
    return true;
  }

  /** Somebody stands still in this state though this can happen, and time has passed. */
  function isDue(event: string, seen: Seen, passed: number): boolean {
    const { what, index } = parse(event);
    const replica = seen.replicas[index];
    const isFilling = replica?.state === 'filling';
    const isLooked = passed >= (isFilling ? LOOKED_MS : UPLOAD_LOOKED_MS);
    if (what === 'verdict' || what === 'upload') return replica?.isPaused === false;
    if (what === 'hear' || what === 'send') return isLooked;
    if (/^(own|lease|ask|piece)$/.test(what)) return passed >= LOOKED_MS && isSearching(replica);
    return /^(expire|learn|stall|whole|remove)$/.test(what) && passed >= OVER_MS;
  }

  function reachable(from: readonly OwnerModel[], seen: Seen): OwnerModel[] {
    const found = new Map(from.map((state) => [JSON.stringify(state), state]));
    for (const state of found.values()) {
      for (const next of machine.next(state)) {
        if (isOwn(next.event, state, seen)) found.set(JSON.stringify(next.state), next.state);
      }
    }
    return [...found.values()];
  }

  return {
    allows(event) {
      if (event.startsWith('pass')) return passedMs + passOf(event) <= MAX_PASSED_MS;
      return states.some((state) => after(state, event).length > 0);
    },
    saw(event, seen) {
      const passed = passOf(event);
      passedMs += passed;
      if (passed === 0) states = states.flatMap((state) => after(state, event));
      const possible = reachable(states, seen);
      const agreeing = possible.filter((state) => agrees(state, seen));
      assert.ok(agreeing.length > 0, () =>
        report(`after "${event}" the model can not be here`, seen, possible),
      );
      for (const state of agreeing) {
        const wrong = machine.check(state);
        assert.ok(wrong === undefined, wrong ?? '');
      }
      states = agreeing.filter(
        (state) => !machine.next(state).some((next) => isDue(next.event, seen, passed)),
      );
      assert.ok(states.length > 0, () =>
        report(`after "${event}" somebody waits for what has happened`, seen, agreeing),
      );
    },
  };
}

const passOf = (event: string): number => (event.startsWith('pass') ? Number(event.split(' ')[1]) : 0);

function parse(event: string): { what: string; piece: number; index: number } {
  const [what = '', ...rest] = event.split(' ');
  const [piece = 0, index = piece] = rest.map(Number);
  return { what, piece, index };
}

const isHad = (how: SeenReplica['local'][number] | undefined): boolean => how === 'right' || how === 'wrong';
const isSearching = (replica: SeenReplica | undefined): boolean =>
  replica?.state === 'filling' && !replica.isPaused;

function agrees(state: OwnerModel, seen: Seen): boolean {
  return (
    state.holder === seen.holder &&
    state.isWanted === seen.isWanted &&
    state.whole === seen.whole &&
    String(state.notes) === String(seen.notes) &&
    String(state.pieces) === String(seen.pieces) &&
    state.replicas.every((replica, index) => isSame(replica, seen.replicas[index]))
  );
}

function isSame(replica: Replica, seen: SeenReplica | undefined): boolean {
  if (seen === undefined || replica.state !== seen.state) return false;
  if (replica.state === 'dead') return true;
  return (
    replica.isPaused === seen.isPaused &&
    replica.believes === seen.believes &&
    String(replica.local) === String(seen.local)
  );
}

/** Few of them say what is meant. */
const REPORTED = 3;

function report(what: string, seen: Seen, states: readonly OwnerModel[]): string {
  const some = states.slice(-REPORTED).map((state) => JSON.stringify(state));
  return [what, `seen: ${JSON.stringify(seen)}`, `model: ${some.join('\n')}`].join('\n');
}
