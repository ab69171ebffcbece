import type { RegistryConfig, Rollout } from '../config/config.ts';
import { type Endpoints, showEndpoints } from './endpoints.ts';
import type { RegistryState } from './settings.ts';

/**
 * One registry as `berth update` prints it: the keys that ACR's own `update` has (`name`, `loginServer`,
 * `dataEndpointEnabled`, `dataEndpointHostNames`), and what there is to say about Berth.
 */
export type RegistryDocument = Endpoints &
  RegistryState & {
    readonly name: string;
    /** Empty while data endpoints are off. */
    readonly dataEndpointHostNames: readonly string[];
    readonly rollout: Rollout;
  };

export function registryDocument(registry: RegistryConfig, state: RegistryState): RegistryDocument {
  const { loginServer, dataEndpoints } = showEndpoints(registry, state.delivery);
  return {
    name: registry.name,
    loginServer,
    dataEndpointEnabled: state.dataEndpointEnabled,
    dataEndpointHostNames: state.dataEndpointEnabled ? dataEndpoints.map(({ endpoint }) => endpoint) : [],
    dataEndpoints,
    delivery: state.delivery,
    rollout: registry.rollout,
    source: state.source,
    changedAt: state.changedAt,
  };
}
