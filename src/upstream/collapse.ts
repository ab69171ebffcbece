/**
 * Equal questions asked at once are asked once. Each caller waits with its own signal; the shared question is given up
 * when the last of them has left, never before.
 */
export type Collapse<T> = {
  /**
   * @param key must contain everything that the answer depends on.
   * @returns the answer, and whether somebody else had asked already.
   */
  run(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ readonly value: T; readonly collapsed: boolean }>;
};

type Flight<T> = { readonly promise: Promise<T>; readonly controller: AbortController; waiting: number };

export function createCollapse<T>(): Collapse<T> {
  const flights = new Map<string, Flight<T>>();

  function start(key: string, ask: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const flight: Flight<T> = {
      controller,
      waiting: 0,
      promise: ask(controller.signal).finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      }),
    };
    // Every waiter may have left by the time it fails; they were told by their own signal.
    flight.promise.catch(() => undefined);
    flights.set(key, flight);
    return flight;
  }

  return {
    async run(key, ask, signal) {
      signal.throwIfAborted();
      const joined = flights.get(key);
      const flight = joined ?? start(key, ask);
      flight.waiting += 1;
      const left = Promise.withResolvers<never>();
      const onAbort = () => left.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const value = await Promise.race([flight.promise, left.promise]);
        return { value, collapsed: joined !== undefined };
      } finally {
        signal.removeEventListener('abort', onAbort);
        flight.waiting -= 1;
        // One that was answered is not among them, and what is left of its answer is read so that its connection can be used again.
        if (flight.waiting === 0 && flights.get(key) === flight) {
          // A newcomer must not join a question that is being given up.
          flights.delete(key);
          flight.controller.abort(new Error('every client that waited has left'));
        }
      }
    },
  };
}
