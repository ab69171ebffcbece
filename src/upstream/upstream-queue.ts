import type { UpstreamLimits } from '../config/config.ts';
import type { Metrics, UpstreamThrottle } from '../metrics/metrics.ts';
import { UpstreamFailure } from './failure.ts';
import { createFairQueue } from './fair-queue.ts';
import { createRequestWindow, type RequestWindow } from './request-window.ts';
import { createSharedPlaces } from './shared-places.ts';
import { createUpstreamPauses } from './upstream-pauses.ts';

export type Turn = {
  /** On whose behalf; turns are shared out among these. */
  readonly client: string;
  /** With which credentials the upstream is asked for what: what its 429 is about. Undefined: no 429 holds it up. */
  readonly caller: string | undefined;
  /** Ends the wait: the client has left. */
  readonly signal: AbortSignal;
};

/** What stands before an upstream registry so that it is not asked for more than `upstream.limits` (L5–L8). */
export type UpstreamQueue = {
  /**
   * At once where it is this question's turn, else when it is; the function returned says that the question is answered. Rejects with
   * an UpstreamFailure with status 429 or 503 and `retryAfterSeconds`, or the signal's reason; it does not throw.
   */
  enter(turn: Turn): (() => void) | Promise<() => void>;
  /** The upstream has said 429: nothing more of this caller for so long, then one question, and then the rest. */
  pause(caller: string | undefined, seconds: number): void;
  /** Other limits; what has been asked and what is paused counts on. */
  configure(limits: UpstreamLimits): void;
  /** Of the queue's metrics it is no part any more. */
  close(): void;
};

export type UpstreamQueueDeps = {
  readonly metrics: Pick<Metrics, 'upstreamQueueLength' | 'upstreamQueueWait' | 'upstreamThrottled'>;
  /** Milliseconds, of a clock that does not go back; left out: the process's own. */
  readonly now?: (() => number) | undefined;
  /** Calls once after that many milliseconds; the function returned prevents it. Left out: a timer. */
  readonly schedule?: ((act: () => void, afterMs: number) => () => void) | undefined;
};

/** Seconds that a client is told to wait where it is the upstream's slowness, and nobody knows how long it lasts. */
const BUSY_RETRY_SECONDS = 5;

type Waiting = { readonly caller: string | undefined; readonly go: () => void; readonly giveWay: () => void };

export function createUpstreamQueue(initial: UpstreamLimits, deps: UpstreamQueueDeps): UpstreamQueue {
  const { metrics, now = () => performance.now() } = deps;
  const schedule = deps.schedule ?? scheduleTimer;
  let limits = initial;
  let window = openWindow();
  const pauses = createUpstreamPauses(now);
  const waiting = createFairQueue<Waiting>();
  const forget = metrics.upstreamQueueLength.collect(() => [[{}, waiting.length]]);
  const places = createSharedPlaces(limits.concurrency);
  let cancelWake: (() => void) | undefined;

  const isPaused = ({ caller }: Pick<Waiting, 'caller'>): boolean => !pauses.mayAsk(caller);
  const mayHaveTurn = (client: string): boolean => places.mayTake(client);
  const mayBegin = (turn: Turn): boolean =>
    mayHaveTurn(turn.client) && !isPaused(turn) && (window?.wait() ?? 0) === 0;

  function openWindow(before?: RequestWindow): RequestWindow | undefined {
    const { requestsPerMinute } = limits;
    return requestsPerMinute === null
      ? undefined
      : createRequestWindow(requestsPerMinute, now, before?.begun());
  }

  function begin({ client, caller }: Turn): () => void {
    const giveBack = places.take(client);
    const answered = pauses.begin(caller);
    window?.count();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      answered();
      giveBack();
      serve();
    };
  }

  /** Lets go whoever may, and looks again when time alone lets the next one go. */
  function serve(): void {
    cancelWake?.();
    cancelWake = undefined;
    while (waiting.length > 0 && !places.isFull) {
      const waitMs = window?.wait() ?? 0;
      const next = waitMs > 0 ? undefined : waiting.take(mayHaveTurn, (item) => !isPaused(item));
      if (next === undefined) {
        const wakeMs = waitMs > 0 ? waitMs : shortestPause();
        // Whoever waits for a place is served when one is given back.
        if (Number.isFinite(wakeMs)) cancelWake = schedule(serve, wakeMs);
        return;
      }
      next.go();
    }
  }

  function shortestPause(): number {
    let shortest = Number.POSITIVE_INFINITY;
    for (const { caller } of waiting.items()) {
      const left = pauses.left(caller);
      if (left > 0) shortest = Math.min(shortest, left);
    }
    return shortest;
  }

  function refuse(reason: UpstreamThrottle, caller: string | undefined): UpstreamFailure {
    metrics.upstreamThrottled.inc({ reason });
    const waitMs = Math.max(pauses.left(caller), window?.wait() ?? 0);
    // A budget that is used up is 429; an upstream that does not keep up is 503.
    const status = waitMs > 0 ? 429 : 503;
    const retryAfterSeconds = waitMs > 0 ? Math.ceil(waitMs / 1000) : BUSY_RETRY_SECONDS;
    return new UpstreamFailure('connection_limit_reached', 'registry', MESSAGES[reason], {
      status,
      retryAfterSeconds,
    });
  }

  function wait(turn: Turn): Promise<() => void> {
    const { client, caller, signal } = turn;
    const since = now();
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const item: Waiting = {
      caller,
      go() {
        settle();
        metrics.upstreamQueueWait.observe({}, (now() - since) / 1000);
        resolve(begin(turn));
      },
      giveWay: () => fail(refuse('queue_full', caller)),
    };
    const onAbort = (): void => {
      if (waiting.remove(client, item)) fail(signal.reason);
    };
    const cancelDeadline = schedule(() => {
      // The turn may have come in this very moment, without anybody having looked.
      serve();
      if (waiting.remove(client, item)) fail(refuse('wait_too_long', caller));
    }, limits.queueSeconds * 1000);
    signal.addEventListener('abort', onAbort, { once: true });
    waiting.add(client, item);
    serve();
    return promise;

    function settle(): void {
      cancelDeadline();
      signal.removeEventListener('abort', onAbort);
    }

    function fail(reason: unknown): void {
      settle();
      reject(reason);
    }
  }

  function enter(turn: Turn): (() => void) | Promise<() => void> {
    turn.signal.throwIfAborted();
    const { caller } = turn;
    const maxWaitMs = limits.queueSeconds * 1000;
    // Who can not be served within the wait hears so at once.
    if (pauses.left(caller) > maxWaitMs) throw refuse('upstream_paused', caller);
    if ((window?.wait() ?? 0) > maxWaitMs) throw refuse('wait_too_long', caller);
    serve();
    if (mayBegin(turn)) {
      metrics.upstreamQueueWait.observe({}, 0);
      return begin(turn);
    }
    if (waiting.length >= limits.queueLength) {
      const room = waiting.makeRoom(turn.client, isPaused(turn) ? () => false : isPaused);
      if (room === undefined) throw refuse('queue_full', caller);
      room.giveWay();
    }
    return wait(turn);
  }

  return {
    enter(turn) {
      try {
        return enter(turn);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    pause: (caller, seconds) => pauses.pause(caller, seconds),
    configure(next) {
      const before = limits.requestsPerMinute;
      limits = next;
      if (before !== next.requestsPerMinute) window = openWindow(window);
      places.resize(next.concurrency);
      serve();
    },
    close() {
      forget();
      cancelWake?.();
    },
  };
}

const MESSAGES: Readonly<Record<UpstreamThrottle, string>> = {
  queue_full: 'registry: too many questions wait for their turn (upstream.limits.queueLength)',
  wait_too_long:
    'registry: the turn did not come within upstream.limits.queueSeconds (concurrency, requestsPerMinute)',
  upstream_paused: 'registry: the upstream said 429, and its Retry-After is not over',
};

function scheduleTimer(act: () => void, afterMs: number): () => void {
  const timer = setTimeout(act, afterMs);
  return () => clearTimeout(timer);
}
