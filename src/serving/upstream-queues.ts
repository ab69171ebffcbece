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
  take(registry: RegistryConfig): KeptQueue;
  /** The same where there is one already; undefined: nobody has asked that upstream. */
  keep(registry: RegistryConfig): KeptQueue | undefined;
};

export type KeptQueue = { readonly queue: UpstreamQueue; readonly release: () => void };

type Entry = { readonly queue: UpstreamQueue; users: number };

/** @param shared left out: budgets and pauses are this instance's own */
export function createUpstreamQueues(
  metrics: Metrics,
  shared?: { readonly state: SharedState; readonly seal: StateSeal },
): UpstreamQueues {
  const queues = new Map<string, Entry>();

  function open(key: string, { limits }: RegistryConfig['upstream']): UpstreamQueue {
    const queue = createUpstreamQueue(limits, { metrics });
    if (shared === undefined) return queue;
    const { state, seal } = shared;
    const name = createHash('sha256').update(key).digest('base64url');
    const callerName = (caller: string): string => seal.name(['caller', caller]);
    return shareTurns(queue, limits, { state, name, callerName, metrics });
  }

  function use(key: string, entry: Entry): KeptQueue {
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
  }

  return {
    take({ name, upstream }) {
      const key = keyOf(name, upstream);
      const entry = queues.get(key) ?? { queue: open(key, upstream), users: 0 };
      queues.set(key, entry);
      return use(key, entry);
    },
    keep({ name, upstream }) {
      const key = keyOf(name, upstream);
      const entry = queues.get(key);
      return entry && use(key, entry);
    },
  };
}

function keyOf(name: string, { url }: RegistryConfig['upstream']): string {
  return `${name} ${url}`;
}
