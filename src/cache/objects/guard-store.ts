import type { Metrics, ObjectOperation } from '../../metrics/metrics.ts';
import { type ObjectStore, ObjectStoreError, UnreadableContentError } from './object-store.ts';

export type GuardedStore = ObjectStore & {
  /** It failed a moment ago, and is not to be asked now. */
  readonly isAway: boolean;
  /** A body that it gave has failed. */
  report(error: ObjectStoreError): void;
};

type GuardDeps = {
  readonly metrics: Pick<Metrics, 'objectStoreOperations' | 'objectStoreAway'>;
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
  /** Milliseconds. */
  readonly now: () => number;
};

/** Milliseconds that a store which failed is left alone, doubled with each further failure up to the longest. */
const FIRST_AWAY_MS = 1_000;
const LONGEST_AWAY_MS = 30_000;

/** Counts what a store is asked, and keeps everybody off one that has failed for a while. */
export function guardStore(store: ObjectStore, { metrics, log, now }: GuardDeps): GuardedStore {
  let awayUntil = 0;
  let awayMs = FIRST_AWAY_MS;
  let isSaid = false;
  const isAway = (): boolean => awayUntil > now();
  const forgetMetric = metrics.objectStoreAway.collect(() => [[{}, isAway() ? 1 : 0]]);

  async function run<T>(
    operation: ObjectOperation,
    signal: AbortSignal,
    act: () => Promise<T>,
    resultOf: (answer: T) => 'ok' | 'absent' | 'exists',
  ): Promise<T> {
    if (isAway()) {
      metrics.objectStoreOperations.inc({ operation, result: 'away' });
      throw new ObjectStoreError(`${store.origin}: it failed a moment ago`, undefined);
    }
    try {
      const answer = await act();
      metrics.objectStoreOperations.inc({ operation, result: resultOf(answer) });
      awayMs = FIRST_AWAY_MS;
      awayUntil = 0;
      if (isSaid) log.info({ store: store.origin }, 'the shared blob store answers again');
      isSaid = false;
      return answer;
    } catch (error) {
      // Whoever asked has left, or has nothing to give: that says nothing of the store.
      if (signal.aborted || error instanceof UnreadableContentError) throw error;
      metrics.objectStoreOperations.inc({ operation, result: 'failed' });
      failed(error instanceof ObjectStoreError ? error.message : `${store.origin}: unknown error`);
      throw error;
    }
  }

  function failed(reason: string): void {
    // Of all that were under way when it failed only the first counts.
    if (!isAway()) {
      awayUntil = now() + awayMs;
      awayMs = Math.min(LONGEST_AWAY_MS, awayMs * 2);
    }
    if (!isSaid)
      log.warn(
        { store: store.origin, reason },
        'the shared blob store fails: this instance works without it',
      );
    isSaid = true;
  }

  return {
    origin: store.origin,
    get isAway() {
      return isAway();
    },
    report: ({ message }) => failed(message),
    get: (name, range, signal) =>
      run(
        'get',
        signal,
        () => store.get(name, range, signal),
        (part) => (part === undefined ? 'absent' : 'ok'),
      ),
    put: (name, content, signal) =>
      run(
        'put',
        signal,
        () => store.put(name, content, signal),
        (answer) => (answer === 'stored' ? 'ok' : 'exists'),
      ),
    length: (name, signal) =>
      run(
        'length',
        signal,
        () => store.length(name, signal),
        (length) => (length === undefined ? 'absent' : 'ok'),
      ),
    remove: (name, signal) =>
      run(
        'remove',
        signal,
        () => store.remove(name, signal),
        () => 'ok',
      ),
    close() {
      forgetMetric();
      store.close();
    },
  };
}
