import { setImmediate as nextTurn } from 'node:timers/promises';

/** Long work in pieces, between which the event loop comes to what else there is to do. */
export type Turns = {
  /** Between two pieces: a promise where others shall have their turn first; undefined: go on. */
  next(): Promise<void> | undefined;
};

export type TurnsDeps = {
  /** Milliseconds. */
  readonly now?: () => number;
  /** Resolves when the others have had their turn. */
  readonly pass?: () => Promise<void>;
};

/** Of work in one turn: half of what a transfer may be held up, since a piece ends late, and the collector has its part. */
const TURN_MS = 10;

export function createTurns({ now = () => performance.now(), pass = nextTurn }: TurnsDeps = {}): Turns {
  let begun = now();

  async function passTurn(): Promise<void> {
    await pass();
    begun = now();
  }

  return { next: () => (now() - begun < TURN_MS ? undefined : passTurn()) };
}
