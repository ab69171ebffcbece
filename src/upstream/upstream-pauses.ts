import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';

/** For whom the upstream has said 429, and until when. */
export type UpstreamPauses = {
  /** Milliseconds that are left; 0: none. */
  left(caller: string | undefined): number;
  /** Whether a question may go now: no pause holds it up, nor one that is out to see whether the pause is over. */
  mayAsk(caller: string | undefined): boolean;
  /** A question goes; after a pause it is the one that finds out. The function returned says that it is answered. */
  begin(caller: string | undefined): () => void;
  pause(caller: string | undefined, seconds: number): void;
};

/** Callers whose pauses are remembered; one that falls out hears the upstream's next 429 itself. */
const MAX_PAUSED = 10_000;
/** Seconds. A window may be one of six hours (Docker Hub); one question a minute finds out that it was reset, and is no load. */
const MAX_PAUSE_SECONDS = 60;

/** @param now milliseconds, of a clock that does not go back */
export function createUpstreamPauses(now: () => number): UpstreamPauses {
  const pauses = new LRUCache<string, { readonly until: number; isTried: boolean }>(atMost(MAX_PAUSED));

  function left(caller: string | undefined): number {
    if (caller === undefined) return 0;
    return Math.max(0, (pauses.get(caller)?.until ?? 0) - now());
  }

  return {
    left,
    mayAsk: (caller) => caller === undefined || (left(caller) === 0 && pauses.get(caller)?.isTried !== true),
    begin(caller) {
      const pause = caller === undefined ? undefined : pauses.get(caller);
      if (caller === undefined || pause === undefined) return () => undefined;
      pause.isTried = true;
      return () => {
        // Another 429 has put another pause here.
        if (pauses.get(caller) === pause) pauses.delete(caller);
      };
    },
    pause(caller, seconds) {
      if (caller === undefined || seconds <= 0) return;
      const until = now() + Math.min(seconds, MAX_PAUSE_SECONDS) * 1000;
      if (until > (pauses.get(caller)?.until ?? 0)) pauses.set(caller, { until, isTried: false });
    },
  };
}
