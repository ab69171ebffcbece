/**
 * How many requests of one fill run at a time: starts with one and doubles while that makes the fill faster, so that a
 * fast source is asked little and one that gives each connection its share is asked by many.
 */
export type FillWidth = {
  readonly current: number;
  /**
   * A piece of `bytes` has come in. `wantsMore`: another piece was waiting for its turn; where none was, the readers set the
   * pace and nothing can be learnt.
   */
  pieceLanded(bytes: number, wantsMore: boolean): void;
  /** A request failed while others went on: the source may not like so many. */
  failed(): void;
};

/** Less is noise. */
const WORTHWHILE_GAIN = 1.2;
/** Rounds after which a width that did not pay is tried once more: lines change. */
const ROUNDS_UNTIL_RETRY = 32;

/** @param now milliseconds */
export function createFillWidth(maxWidth: number, now: () => number): FillWidth {
  let width = 1;
  let isTrying = true;
  /** Bytes per millisecond with the last width that paid. */
  let proven = { width: 1, rate: 0 };
  let rounds = 0;
  let round = { startedAt: now(), bytes: 0, pieces: 0 };

  function nextRound(): void {
    round = { startedAt: now(), bytes: 0, pieces: 0 };
  }

  function grow(): void {
    isTrying = width < maxWidth;
    width = Math.min(maxWidth, width * 2);
    rounds = 0;
  }

  return {
    get current() {
      return width;
    },
    pieceLanded(bytes, wantsMore) {
      if (!wantsMore) {
        nextRound();
        return;
      }
      round.bytes += bytes;
      round.pieces += 1;
      // One piece of each request.
      if (round.pieces < width) return;
      const rate = round.bytes / Math.max(1e-3, now() - round.startedAt);
      if (isTrying && rate > proven.rate * WORTHWHILE_GAIN) {
        proven = { width, rate };
        grow();
      } else if (isTrying) {
        width = proven.width;
        isTrying = false;
        rounds = 0;
      } else {
        rounds += 1;
        proven = { width, rate };
        if (rounds >= ROUNDS_UNTIL_RETRY) grow();
      }
      nextRound();
    },
    failed() {
      width = Math.max(1, Math.floor(width / 2));
      proven = { width, rate: 0 };
      isTrying = false;
      rounds = 0;
      nextRound();
    },
  };
}
