import type { Limits } from '../config/config.ts';
import { limitKey } from './limit-key.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';

type ClientLimitsConfig = Pick<Limits, 'connectionsPerClient' | 'requestsPerClient' | 'transfersPerClient'>;

/** What one client may have at a time, and how often it may come, over all listeners and registries of this process. */
export type ClientLimits = {
  /** A connection of this client; undefined: it has too many. The function returned ends it. */
  beginConnection(address: string): (() => void) | undefined;
  /** A blob transfer to this client, in the same way. */
  beginTransfer(address: string): (() => void) | undefined;
  /** A request of this client. 0: it may; else the seconds after which it may again. */
  takeRequest(address: string): number;
  /** Takes other limits; what is under way counts on. */
  configure(config: ClientLimitsConfig): void;
};

/** @param now milliseconds, of a clock that does not go back */
export function createClientLimits(initial: ClientLimitsConfig, now: () => number): ClientLimits {
  let config = initial;
  const connections = createCount();
  const transfers = createCount();
  let requests = createRequests(config, now);

  return {
    beginConnection: (address) => connections.begin(limitKey(address), config.connectionsPerClient),
    beginTransfer: (address) => transfers.begin(limitKey(address), config.transfersPerClient),
    takeRequest(address) {
      const waitMs = requests?.take(limitKey(address)) ?? 0;
      return Math.ceil(waitMs / 1000);
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
function createCount() {
  const counts = new Map<string, number>();
  return {
    begin(key: string, limit: number | null): (() => void) | undefined {
      const count = counts.get(key) ?? 0;
      if (limit !== null && count >= limit) return undefined;
      counts.set(key, count + 1);
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        const left = (counts.get(key) ?? 0) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
  };
}
