import type { Config, RegistryConfig } from '../config/config.ts';
import type { ClientPolicy } from '../policy/client-policy.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { Lease } from './lease.ts';

/** What doors depend on beside their registry's own fields. The same object as long as none of it has changed. */
export type SharedSettings = Pick<Config, 'limits' | 'timeouts'> & {
  readonly ticketLifetimeSeconds: number;
};

/** What a registry's doors are made of, there before they are: all that may be wrong has been found by then. */
export type DoorParts = {
  readonly registry: RegistryConfig;
  readonly settings: SharedSettings;
  /** PEM; undefined: the well-known ones. */
  readonly authorities: string | undefined;
  readonly clients: ClientPolicy | undefined;
  readonly upstream: Lease<UpstreamRegistry>;
  /** The name under which decisions are kept. */
  readonly decisionScope: string;
};

type Dependencies = Pick<DoorParts, 'registry' | 'settings' | 'authorities'>;

export function sharedSettings({ limits, timeouts, ticket }: Config): SharedSettings {
  return { limits, timeouts, ticketLifetimeSeconds: ticket.lifetimeSeconds };
}

/** Everything that the connections to the upstream depend on. */
export function connectedBy({ registry, settings: { limits, timeouts }, authorities }: Dependencies) {
  return {
    // The queue takes other limits without new connections.
    upstream: { ...registry.upstream, limits: undefined },
    redirectHosts: registry.redirectHosts,
    authorities,
    limits: [limits.upstreamConnections, limits.tokenBytes],
    timeouts,
    regions: registry.regions,
    homeRegion: registry.homeRegion,
    replicationSeconds: registry.replicationSeconds,
  };
}

/** Everything that a kept decision depends on. */
export function decidedBy(parts: Dependencies) {
  const { clients, authorizationTtlSeconds, publicProbe, push } = parts.registry;
  return { connectedBy: connectedBy(parts), clients, authorizationTtlSeconds, publicProbe, push };
}
