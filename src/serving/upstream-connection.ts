import type { Config, RegistryConfig, UpstreamLimits } from '../config/config.ts';
import { isRegional } from '../upstream/regional/regional-upstream.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { createLease, type Lease } from './lease.ts';
import { type OpenedUpstream, type OpenUpstreamDeps, openUpstream } from './open-upstream.ts';
import type { KeptQueue } from './upstream-queues.ts';

/** Connections to a registry's upstream and the queue before it: there from the first request on. */
export type UpstreamConnection = {
  readonly upstream: Lease<UpstreamRegistry>;
  /** It is in force, with these limits, also for questions under way. */
  take(limits: UpstreamLimits): void;
};

export type UpstreamConnectionDeps = OpenUpstreamDeps & {
  readonly onClosed: (upstream: Lease<UpstreamRegistry>) => void;
};

/** Several regions are opened once they are in force: their health is known before the first request asks where to go. */
export function createUpstreamConnection(
  registry: RegistryConfig,
  config: Pick<Config, 'limits' | 'timeouts'>,
  authorities: string | undefined,
  deps: UpstreamConnectionDeps,
): UpstreamConnection {
  let { limits } = registry.upstream;
  let opened: OpenedUpstream | undefined;
  let queue: KeptQueue | undefined;
  let isClosed = false;

  function open(): UpstreamRegistry {
    const limited = { ...registry, upstream: { ...registry.upstream, limits } };
    opened = openUpstream(limited, config, authorities, deps);
    letGo();
    // Nobody will say so any more.
    if (isClosed) opened.release();
    return opened.upstream;
  }

  function letGo(): void {
    queue?.release();
    queue = undefined;
  }

  const upstream: Lease<UpstreamRegistry> = createLease(open, () => {
    isClosed = true;
    opened?.release();
    letGo();
    deps.onClosed(upstream);
  });
  return {
    upstream,
    take(next) {
      limits = next;
      if (isRegional(registry)) void upstream.value;
      if (opened !== undefined) {
        opened.configure(next);
        return;
      }
      // The connections before are about to go, and what they have asked counts on (L6).
      queue ??= deps.queues.keep(registry);
      queue?.queue.configure(next);
    },
  };
}
