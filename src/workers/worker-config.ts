import { availableParallelism } from 'node:os';
import type { Config, RegistryConfig } from '../config/config.ts';

/** Worker processes of this configuration; 1: none, one process does all. */
export function workerCount({ workers }: Pick<Config, 'workers'>): number {
  // What the affinity mask and the container's limit leave of the machine.
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Which part of an instance a process is. */
export type Part = { readonly kind: 'primary' | 'worker'; readonly workers: number };

/** Of the questions at a time, for those that the primary asks itself: fresh links for blobs under way. */
const PRIMARY_PART = 1 / 8;

/**
 * What one process has of what the configuration allots to the instance. Limits of clients are not divided: a client's
 * connections do not spread evenly, so the processes tell each other.
 *
 * @param known this part's registries of configurations before: one that is the same then, is the same now
 */
export function shareConfig(
  config: Config,
  part: Part,
  known = new WeakMap<RegistryConfig, RegistryConfig>(),
): Config {
  const { workers } = part;
  const { cache, limits } = config;
  return {
    ...config,
    cache: { ...cache, memoryMaxBytes: Math.floor(cache.memoryMaxBytes / workers) },
    limits: {
      ...limits,
      connections: Math.ceil(limits.connections / workers),
      // Fills read through buffers, too.
      bufferBytes: Math.floor(limits.bufferBytes / (workers + 1)),
    },
    registries: config.registries.map((registry) => {
      const shared = known.get(registry) ?? shareQuestions(registry, part);
      known.set(registry, shared);
      return shared;
    }),
  };
}

function shareQuestions(registry: RegistryConfig, { kind, workers }: Part): RegistryConfig {
  const { limits } = registry.upstream;
  const primary = Math.max(1, Math.floor(limits.concurrency * PRIMARY_PART));
  const worker = Math.max(1, Math.floor((limits.concurrency - primary) / workers));
  return {
    ...registry,
    upstream: {
      ...registry.upstream,
      limits: {
        ...limits,
        concurrency: kind === 'primary' ? primary : worker,
        queueLength: Math.ceil(limits.queueLength / workers),
      },
    },
  };
}

/** With the ports that are bound in place of those that the system was to choose. */
export function withPorts(config: Config, ports: readonly number[]): Config {
  return {
    ...config,
    listeners: config.listeners.map((listener, index) => ({
      ...listener,
      port: ports[index] ?? listener.port,
    })),
  };
}
