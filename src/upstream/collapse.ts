/** Equal questions asked at once are asked once. */
export type Collapse<V> = {
  /** `ask` runs on behalf of everybody who joins, so it must not end with the signal of one of them. */
  run(key: string, ask: () => Promise<V>, signal: AbortSignal): Promise<V>;
};

export function createCollapse<V>(): Collapse<V> {
  const pending = new Map<string, Promise<V>>();
  return {
    run(key, ask, signal) {
      let answer = pending.get(key);
      if (answer === undefined) {
        answer = ask().finally(() => pending.delete(key));
        // Everybody who waits may have left by the time it fails.
        answer.catch(() => undefined);
        pending.set(key, answer);
      }
      return untilAborted(answer, signal);
    },
  };
}

/** The promise's outcome, or the signal's reason as soon as it aborts; the work itself goes on. */
export function untilAborted<V>(promise: Promise<V>, signal: AbortSignal): Promise<V> {
  if (signal.aborted) return Promise.reject(asError(signal.reason));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(asError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
