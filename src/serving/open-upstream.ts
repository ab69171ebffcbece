import type { lookup as dnsLookup } from 'node:dns';
import type { Logger } from 'pino';
import type { Config, RegistryConfig, UpstreamLimits } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { Tracing } from '../trace/tracing.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import {
  createRegionalUpstream,
  isRegional,
  type RegionalUpstreamDeps,
} from '../upstream/regional/regional-upstream.ts';
import { createSlabSocket } from '../upstream/slab-socket.ts';
import {
  createUpstreamRegistry,
  type UpstreamRegistry,
  type UpstreamRegistryDeps,
} from '../upstream/upstream-registry.ts';
import type { UpstreamQueues } from './upstream-queues.ts';

export type OpenUpstreamDeps = {
  readonly queues: UpstreamQueues;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly pool: BufferPool;
  readonly lookup: typeof dnsLookup | undefined;
  readonly tracing: Tracing;
  readonly regionTimings?: RegionalUpstreamDeps['timings'];
  /** What replicas share. */
  readonly state: SharedState;
};

export type OpenedUpstream = {
  readonly upstream: UpstreamRegistry;
  /** Other limits for all regions; what has been asked counts on. */
  configure(limits: UpstreamLimits): void;
  /** The queues are needed no more by who opened it. */
  release(): void;
};

/** The upstream of a registry, or those of its regions as one. @throws AuthoritiesError */
export function openUpstream(
  registry: RegistryConfig,
  config: Pick<Config, 'limits' | 'timeouts'>,
  authorities: string | undefined,
  deps: OpenUpstreamDeps,
): OpenedUpstream {
  const { limits, timeouts } = config;
  const taken: ReturnType<UpstreamQueues['take']>[] = [];

  function openOne(
    upstream: RegistryConfig['upstream'],
    onOutcome?: UpstreamRegistryDeps['onOutcome'],
  ): UpstreamRegistry {
    const one = { ...registry, upstream };
    const turns = deps.queues.take(one);
    taken.push(turns);
    return createUpstreamRegistry(one, {
      limits,
      timeouts,
      metrics: deps.metrics,
      authorities,
      queue: turns.queue,
      lookup: deps.lookup,
      tracing: deps.tracing,
      openStorageSocket: createSlabSocket(deps.pool),
      onOutcome,
    });
  }

  const { upstream: home } = registry;
  const upstream = isRegional(registry)
    ? createRegionalUpstream(
        registry,
        (region, onOutcome) => {
          const { url, auth } = region?.upstream ?? home;
          return openOne({ ...home, url, auth: auth ?? home.auth }, onOutcome);
        },
        {
          metrics: deps.metrics,
          log: deps.log,
          // A clock that is set is no reason to leave a region out for longer.
          now: () => performance.timeOrigin + performance.now(),
          random: Math.random,
          records: deps.state,
          timings: deps.regionTimings,
        },
      )
    : openOne(home);
  return {
    upstream,
    configure(next) {
      for (const { queue } of taken) queue.configure(next);
    },
    release() {
      for (const { release } of taken) release();
    },
  };
}
