import type { RegistryConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createUpstreamQueue, type UpstreamQueue } from '../upstream/upstream-queue.ts';

/**
 * One queue for each registry and upstream, over all configurations: what was asked counts on, whatever is reloaded.
 */
export type UpstreamQueues = {
  /** The function returned says that it is needed no more by who asked; the last one closes it. */
  take(registry: RegistryConfig): { readonly queue: UpstreamQueue; readonly release: () => void };
};

export function createUpstreamQueues(metrics: Metrics): UpstreamQueues {
  const queues = new Map<string, { readonly queue: UpstreamQueue; users: number }>();

  return {
    take({ name, upstream }) {
      const key = `${name} ${upstream.url}`;
      const entry = queues.get(key) ?? { queue: createUpstreamQueue(upstream.limits, { metrics }), users: 0 };
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
