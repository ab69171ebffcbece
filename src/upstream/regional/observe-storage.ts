import type { Dispatcher } from 'undici';
import { classifyFailure } from '../failure.ts';
import { type Outcome, outcomeOfStatus } from '../observe-exchange.ts';

/**
 * The same dispatcher, with `onOutcome` told how each transfer has ended: whole, or by what; not of those that Berth ended
 * itself.
 */
export function observeStorage(
  dispatcher: Dispatcher,
  onOutcome: (origin: string, outcome: Outcome) => void,
): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const origin = String(options.origin);
    let outcome: Outcome | undefined;
    return dispatch(options, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onResponseStart(controller, status, headers, text) {
        if (status >= 200) outcome = outcomeOfStatus(status);
        // Nobody reads what comes with it.
        if (outcome?.kind === 'failed') onOutcome(origin, outcome);
        handler.onResponseStart?.(controller, status, headers, text);
      },
      onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
      onResponseEnd(controller, trailers) {
        if (outcome?.kind === 'ok') onOutcome(origin, outcome);
        handler.onResponseEnd?.(controller, trailers);
      },
      onResponseError(controller, error) {
        if (!isOwnEnd(error) && outcome?.kind !== 'failed') {
          onOutcome(origin, { kind: 'failed', reason: classifyFailure(error, 'storage').kind });
        }
        handler.onResponseError?.(controller, error);
      },
    });
  });
}

/** Berth ended it: a client left, or has enough. */
function isOwnEnd(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return error.name === 'AbortError' || code === 'UND_ERR_ABORTED' || code === 'UND_ERR_DESTROYED';
}
