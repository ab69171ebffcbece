import { createHash } from 'node:crypto';
import type { RegistryConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import { createUpstreamQueue, type UpstreamQueue } from '../upstream/upstream-queue.ts';
import { shareTurns } from './share-turns.ts';

/**
 * One queue for each registry and upstream, over all configurations: what was asked counts on, whatever is reloaded.
 */
export type UpstreamQueues = {
  /** The function returned says that it is needed no more by who asked; the last one closes it. */
  take(registry: RegistryConfig): { readonly queue: UpstreamQueue; readonly release: () => void };
};

/** @param shared left out: budgets and pauses are this instance's own */
export function createUpstreamQueues(
  metrics: Metrics,
  shared?: { readonly state: SharedState; readonly seal: StateSeal },
): UpstreamQueues {
  const queues = new Map<string, { readonly queue: UpstreamQueue; users: number }>();

  function open(key: string, { limits }: RegistryConfig['upstream']): UpstreamQueue {
    const queue = createUpstreamQueue(limits, { metrics });
    if (shared === undefined) return queue;
    const { state, seal } = shared;
    const name = createHash('sha256').update(key).digest('base64url');
    const callerName = (caller: string): string => seal.name(['caller', caller]);
    return shareTurns(queue, limits, { state, name, callerName, metrics });
  }

  return {
    take({ name, upstream }) {
      const key = `${name} ${upstream.url}`;
      const entry = queues.get(key) ?? { queue: open(key, upstream), users: 0 };
      queues.set(key, entry);
      entry.users += 1;
      return {
        queue: entry.queue,
        release() {
          entry.users -= 1;
          if (entry.users > 0) return;
          queues.delete(key);
          entry.queue.close();
        },
      };
    },
  };
}
