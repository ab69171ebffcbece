/** Milliseconds: upstreams count by the minute. */
const WINDOW_MS = 60_000;

export type RequestWindow = {
  /** Milliseconds until one more is allowed; 0: now. */
  wait(): number;
  /** One more has begun. */
  count(): void;
  /** When the last ones began, the latest last. */
  begun(): readonly number[];
};

/**
 * At most `limit` in any minute, wherever the upstream's own minutes begin. Remembers when each of the last ones began.
 *
 * @param now milliseconds, of a clock that does not go back
 * @param begun of a window before this one
 */
export function createRequestWindow(
  limit: number,
  now: () => number,
  begun: readonly number[] = [],
): RequestWindow {
  const times = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  for (const time of begun.slice(-limit)) add(time);

  function add(time: number): void {
    times[next] = time;
    next = (next + 1) % limit;
  }

  return {
    wait: () => Math.max(0, (times[next] ?? 0) + WINDOW_MS - now()),
    count: () => add(now()),
    begun: () => [...times.subarray(next), ...times.subarray(0, next)].filter(Number.isFinite),
  };
}
