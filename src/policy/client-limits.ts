import type { Limits } from '../config/config.ts';
import { limitKey } from './limit-key.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';

type ClientLimitsConfig = Pick<Limits, 'connectionsPerClient' | 'requestsPerClient' | 'transfersPerClient'>;

/** What has changed in one process, for the others that the same limits hold for. */
export type LimitChange = {
  readonly kind: 'connections' | 'transfers' | 'requests';
  readonly key: string;
  /** So many more under way (negative: fewer), or so many requests taken. */
  readonly by: number;
};

/** What one client may have at a time, and how often it may come, over all listeners and registries of this instance. */
export type ClientLimits = {
  /** A connection of this client; undefined: it has too many. The function returned ends it. */
  beginConnection(address: string): (() => void) | undefined;
  /** A blob transfer to this client, in the same way. */
  beginTransfer(address: string): (() => void) | undefined;
  /** A request of this client. 0: it may; else the seconds after which it may again. */
  takeRequest(address: string): number;
  /** Something has changed in another process. */
  hear(change: LimitChange): void;
  /** Takes other limits; what is under way counts on. */
  configure(config: ClientLimitsConfig): void;
};

/**
 * @param now milliseconds, of a clock that does not go back
 * @param tell where several processes serve the same clients: what each decides, it decides at once, by what it has heard from the others
 */
export function createClientLimits(
  initial: ClientLimitsConfig,
  now: () => number,
  tell?: (change: LimitChange) => void,
): ClientLimits {
  let config = initial;
  const connections = createCount(tell && ((key, by) => tell({ kind: 'connections', key, by })));
  const transfers = createCount(tell && ((key, by) => tell({ kind: 'transfers', key, by })));
  let requests = createRequests(config, now);

  return {
    beginConnection: (address) => connections.begin(limitKey(address), config.connectionsPerClient),
    beginTransfer: (address) => transfers.begin(limitKey(address), config.transfersPerClient),
    takeRequest(address) {
      if (requests === undefined) return 0;
      const key = limitKey(address);
      const waitMs = requests.take(key);
      if (waitMs === 0) tell?.({ kind: 'requests', key, by: 1 });
      return Math.ceil(waitMs / 1000);
    },
    hear({ kind, key, by }) {
      if (kind === 'requests') requests?.count(key, by);
      else (kind === 'connections' ? connections : transfers).add(key, by);
    },
    configure(next) {
      const [before, after] = [config.requestsPerClient, next.requestsPerClient];
      config = next;
      if (before?.perSecond !== after?.perSecond || before?.burst !== after?.burst) {
        requests = createRequests(next, now);
      }
    },
  };
}

function createRequests({ requestsPerClient }: ClientLimitsConfig, now: () => number): RateLimit | undefined {
  return requestsPerClient === null ? undefined : createRateLimit(requestsPerClient, now);
}

/** Things under way by key. Holds nothing of a key that has none, so it is bounded by what is open. */
function createCount(tell: ((key: string, by: number) => void) | undefined) {
  const counts = new Map<string, number>();
  function add(key: string, by: number): void {
    const count = (counts.get(key) ?? 0) + by;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
  }
  return {
    add,
    begin(key: string, limit: number | null): (() => void) | undefined {
      if (limit !== null && (counts.get(key) ?? 0) >= limit) return undefined;
      add(key, 1);
      // Without a limit nobody has to know.
      const isTold = limit !== null && tell !== undefined;
      if (isTold) tell(key, 1);
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        add(key, -1);
        if (isTold) tell(key, -1);
      };
    },
  };
}
