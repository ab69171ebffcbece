/** Milliseconds: upstreams count by the minute. */
const WINDOW_MS = 60_000;

export type RequestWindow = {
  /** Milliseconds until one more is allowed; 0: now. */
  wait(): number;
  /** One more has begun. */
  count(): void;
};

/** At most `limit` in any minute, wherever the upstream's own minutes begin. Remembers when each of the last ones began. */
export function createRequestWindow(limit: number, now: () => number): RequestWindow {
  const times = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  return {
    wait: () => Math.max(0, (times[next] ?? 0) + WINDOW_MS - now()),
    count() {
      times[next] = now();
      next = (next + 1) % limit;
    },
  };
}
