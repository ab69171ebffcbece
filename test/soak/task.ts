import { setTimeout as sleep } from 'node:timers/promises';
import { WrongBytes } from './oracle.ts';
import { TryFailed } from './puller.ts';

/** What clients did and how it went. */
export type Tally = {
  /** By what was done. */
  readonly done: Map<string, number>;
  /** Tries that came to nothing, by why. */
  readonly failedTries: Map<string, number>;
  /** Never to be excused. */
  readonly wrong: string[];
  /** Other failures than those of the network: the soak's own, mostly. */
  readonly broken: string[];
};

export type Running = { readonly what: string; readonly since: number; lastFailure: string };

export type Tasks = {
  readonly tally: Tally;
  /** Those that are not done yet. */
  readonly running: ReadonlySet<Running>;
  /** Does it again and again until it is done, with a client's ordinary patience between two tries. */
  run(kind: string, what: string, act: () => Promise<void>): Promise<void>;
};

/** Milliseconds before the second try; each further wait is twice as long. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

export function createTasks(signal: AbortSignal): Tasks {
  const tally: Tally = { done: new Map(), failedTries: new Map(), wrong: [], broken: [] };
  const running = new Set<Running>();
  const count = (of: Map<string, number>, word: string) => of.set(word, (of.get(word) ?? 0) + 1);
  return {
    tally,
    running,
    async run(kind, what, act) {
      const entry: Running = { what: `${kind} ${what}`, since: Date.now(), lastFailure: '' };
      running.add(entry);
      try {
        for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
          try {
            await act();
            count(tally.done, kind);
            return;
          } catch (error) {
            entry.lastFailure = String(error);
            if (error instanceof WrongBytes) {
              tally.wrong.push(`${kind} ${what}: ${error.message}`);
              return;
            }
            if (!(error instanceof TryFailed)) {
              tally.broken.push(`${kind} ${what}: ${String(error)}`);
              return;
            }
            count(tally.failedTries, error.kind);
          }
          await sleep(wait, undefined, { signal }).catch(() => undefined);
        }
      } finally {
        running.delete(entry);
      }
    },
  };
}
