import type { FillDeps } from './fill-deps.ts';

/** Milliseconds that a fill nobody needs waits for the next reader: a client that resumes is back by then. */
export const LINGER_MS = 2000;

/** The wait of a fill that nobody reads, once until somebody comes. */
export type FillLinger = {
  /** It has been waited. */
  readonly isOver: boolean;
  /** Begins to wait, unless it does already. */
  start(): void;
  /** Somebody is there again, or nothing is left to wait for. */
  stop(): void;
};

/** @param over nobody has come */
export function createFillLinger(setTimer: FillDeps['setTimer'], over: () => void): FillLinger {
  let cancel: (() => void) | undefined;
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    start() {
      cancel ??= setTimer(LINGER_MS, () => {
        cancel = undefined;
        isOver = true;
        over();
      });
    },
    stop() {
      cancel?.();
      cancel = undefined;
      isOver = false;
    },
  };
}
