import { RATE_CLOCK, type RateClock } from '../../upstream/rate-watch.ts';

/** What replicas wait by; its timers call back once. */
export type SharedClock = RateClock;

export const SYSTEM_CLOCK: SharedClock = RATE_CLOCK;

/** Again and again; answers how to end it. */
export function every({ setTimer }: SharedClock, milliseconds: number, fire: () => void): () => void {
  let cancel = setTimer(milliseconds, again);
  function again(): void {
    cancel = setTimer(milliseconds, again);
    fire();
  }
  return () => cancel();
}

/** @throws what the signal says */
export function sleep({ setTimer }: SharedClock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = setTimer(milliseconds, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
