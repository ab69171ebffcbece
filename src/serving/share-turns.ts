import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamLimits } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SharedState } from '../state/shared-state.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { Turn, UpstreamQueue } from '../upstream/upstream-queue.ts';

export type ShareTurnsDeps = {
  readonly state: SharedState;
  /** Names the upstream in the state. */
  readonly name: string;
  /** A digest that says nothing of the caller's credentials. */
  readonly callerName: (caller: string) => string;
  readonly metrics: Pick<Metrics, 'upstreamThrottled'>;
};

/**
 * A queue whose budget (`requestsPerMinute`) and pauses hold for all replicas together. `concurrency` and the order of
 * turns are each instance's own. Where the state can not be asked, so is everything.
 */
export function shareTurns(
  queue: UpstreamQueue,
  initial: UpstreamLimits,
  deps: ShareTurnsDeps,
): UpstreamQueue {
  const { state, name, callerName, metrics } = deps;
  let limits = initial;

  /** True: it may go; false: it is paused, and the queue knows. @throws as `enter` */
  async function take({ caller, signal }: Turn, endsAt: number): Promise<boolean> {
    for (;;) {
      const answer = await state.takeTurn({
        queue: name,
        caller: caller === undefined ? undefined : callerName(caller),
        requestsPerMinute: limits.requestsPerMinute,
      });
      signal.throwIfAborted();
      if (answer === undefined || answer.kind === 'taken') return true;
      const { kind, waitMs } = answer;
      if (kind === 'paused') {
        queue.pause(caller, waitMs / 1000);
        return false;
      }
      if (performance.now() + waitMs > endsAt) throw refuse(waitMs);
      // The place is kept meanwhile: nobody of this instance could go in its stead.
      await sleep(waitMs, undefined, { signal });
    }
  }

  function refuse(waitMs: number): UpstreamFailure {
    metrics.upstreamThrottled.inc({ reason: 'wait_too_long' });
    return new UpstreamFailure('connection_limit_reached', 'registry', BUDGET_USED, {
      status: 429,
      retryAfterSeconds: Math.ceil(waitMs / 1000),
    });
  }

  return {
    async enter(turn) {
      const endsAt = performance.now() + limits.queueSeconds * 1000;
      for (;;) {
        const answered = await queue.enter(turn);
        try {
          if (await take(turn, endsAt)) return answered;
        } catch (error) {
          answered();
          throw turn.signal.aborted ? turn.signal.reason : error;
        }
        answered();
      }
    },
    pause(caller, seconds) {
      queue.pause(caller, seconds);
      // Nobody waits for it: another replica that does not know hears the same from the upstream.
      if (caller !== undefined && seconds > 0) {
        void state.pause(name, callerName(caller), Math.min(seconds, MAX_PAUSE_SECONDS) * 1000);
      }
    },
    configure(next) {
      limits = next;
      queue.configure(next);
    },
    close: () => queue.close(),
  };
}

/** Seconds, as in `upstream/upstream-pauses.ts`: one question a minute finds out whether it is over. */
const MAX_PAUSE_SECONDS = 60;

const BUDGET_USED =
  'registry: the turn did not come within upstream.limits.queueSeconds (requestsPerMinute, of all replicas together)';
