import type { Exchange } from './exchange.ts';
import { classifyFailure } from './failure.ts';

/** How asking a peer has ended, as far as that says something about the peer. */
export type Outcome = { readonly kind: 'ok' } | { readonly kind: 'failed'; readonly reason: string };

/** By which a gateway says that what is behind it is not there; a 500 is rather about the one thing that was asked for. */
const FAILING_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

export function outcomeOfStatus(status: number): Outcome | undefined {
  if (FAILING_STATUSES.has(status)) return { kind: 'failed', reason: `status ${status}` };
  return status === 500 ? undefined : { kind: 'ok' };
}

/** The same exchange, with `onOutcome` told of each request that the client did not end itself. */
export function observeExchange(
  exchange: Exchange,
  onOutcome: ((outcome: Outcome) => void) | undefined,
): Exchange {
  if (onOutcome === undefined) return exchange;
  return async (request) => {
    try {
      const response = await exchange(request);
      const outcome = outcomeOfStatus(response.status);
      if (outcome !== undefined) onOutcome(outcome);
      return response;
    } catch (error) {
      const { aborted, reason } = request.signal;
      const hasLeft = aborted && !(reason instanceof Error && reason.name === 'TimeoutError');
      if (!hasLeft) onOutcome({ kind: 'failed', reason: classifyFailure(error, 'registry').kind });
      throw error;
    }
  };
}
