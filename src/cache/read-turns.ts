/**
 * Turns at reading from memory: nobody waits for such a read, so without them a client that takes bytes as fast as memory gives
 * them would keep the event loop from everybody else.
 */
export type ReadTurns = {
  /** Calls back in one of the next turns of the event loop; who has asked first comes first. */
  take(run: () => void): void;
  /** So many bytes were read in this turn. */
  spend(bytes: number): void;
};

/** Bytes read in a turn of the event loop, all clients together: the largest slab, and with its write about a quarter of a millisecond. */
const TURN_BYTES = 1024 * 1024;

/** @param setTurn calls back in the next turn of the event loop */
export function createReadTurns(setTurn: (begin: () => void) => void = setImmediate): ReadTurns {
  let waiting: (() => void)[] = [];
  let spent = 0;
  let isDue = false;

  const isSpent = (): boolean => spent >= TURN_BYTES;

  function beginLater(): void {
    if (isDue) return;
    isDue = true;
    setTurn(begin);
  }

  function begin(): void {
    isDue = false;
    spent = 0;
    const asked = waiting;
    // Whoever asks again from here on is the next turn's.
    waiting = [];
    let served = 0;
    for (const run of asked) {
      if (isSpent()) break;
      served += 1;
      run();
    }
    if (served < asked.length) waiting = [...asked.slice(served), ...waiting];
    if (waiting.length > 0) beginLater();
  }

  return {
    take(run) {
      waiting.push(run);
      beginLater();
    },
    spend(bytes) {
      spent += bytes;
    },
  };
}
