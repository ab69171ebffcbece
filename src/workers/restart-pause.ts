/** How long to wait before a worker is replaced: next to nothing the first time, and ever longer while they end early. */
export type RestartPause = {
  /** @param livedMs milliseconds that the one which ended had run; 0: it never did */
  next(livedMs: number): number;
};

const FIRST_MS = 100;
/** Something is wrong that the next try will not mend by itself; somebody is at it. */
const LONGEST_MS = 30_000;
/** It was of use: whatever ended it is no fault of the start. */
const GOOD_LIFE_MS = 60_000;

export function createRestartPause(): RestartPause {
  let pauseMs = FIRST_MS;
  return {
    next(livedMs) {
      if (livedMs >= GOOD_LIFE_MS) pauseMs = FIRST_MS;
      const now = pauseMs;
      pauseMs = Math.min(LONGEST_MS, pauseMs * 2);
      return now;
    },
  };
}
