import type { Delivery, RegistryConfig } from '../config/config.ts';
import { hostname, matchHostPattern, parseHost } from '../http/host.ts';

/** `loginServer` and `dataEndpoints` with the keys that ACR's own `show-endpoints` prints. */
export type Endpoints = {
  readonly loginServer: string;
  readonly dataEndpoints: readonly { readonly region: string; readonly endpoint: string }[];
};

/**
 * The data endpoint of one region, as `host[:port]`: lower case, the scheme's own port left out.
 * @throws TypeError where the registry has no data endpoint pattern, or the pattern gives no valid host; the
 * configuration's loader refuses both before any request can ask.
 */
export function dataEndpointHost(registry: RegistryConfig, regionName: string): string {
  if (registry.dataEndpoint === null) {
    throw new TypeError(
      `registry ${registry.name} has no dataEndpoint; its delivery is ${registry.delivery}`,
    );
  }
  const text = expandDataEndpoint(registry.dataEndpoint, registry.name, regionName);
  const host = parseHost(text, registry.scheme);
  if (host === undefined) {
    throw new TypeError(`dataEndpoint of registry ${registry.name} gives "${text}", which is not a host`);
  }
  return host;
}

/** The pattern with `{registry}` and `{region}` filled in. */
export function expandDataEndpoint(pattern: string, registryName: string, regionName: string): string {
  return pattern.replaceAll('{registry}', registryName).replaceAll('{region}', regionName);
}

/**
 * The region whose `match` names this storage host. Where none does, the home region with `matched: false`, so that the
 * caller can count it: a redirect nobody mapped still has to be delivered.
 * A `match` without a port fits the host on any port: regions only sort, `redirectHosts` is what permits.
 * @throws TypeError where the registry has no regions; the loader refuses that for `dedicated`.
 */
export function regionForHost(
  registry: RegistryConfig,
  storageHost: string,
): { readonly name: string; readonly matched: boolean } {
  const withoutPort = hostname(storageHost);
  for (const region of registry.regions) {
    for (const pattern of region.match) {
      if (matchHostPattern(pattern, storageHost) || matchHostPattern(pattern, withoutPort)) {
        return { name: region.name, matched: true };
      }
    }
  }
  const home = homeRegion(registry);
  if (home === undefined) throw new TypeError(`registry ${registry.name} has no regions`);
  return { name: home, matched: false };
}

/** The region that the registry's own upstream stands in; undefined where it has no regions. */
export function homeRegion({ homeRegion: named, regions }: RegistryConfig): string | undefined {
  return named ?? regions[0]?.name;
}

/** Whether this instance answers the data endpoint of the region. */
export function servesRegion({ serveRegions }: RegistryConfig, region: string): boolean {
  return serveRegions === 'all' || serveRegions.includes(region);
}

/**
 * What a client's firewall has to let through. `dedicated`: the data endpoint of each region. `inline`: nothing beside
 * the login server. `passthrough`: whatever the upstream may redirect to, per region, as ACR prints it while data
 * endpoints are off. `delivery` is the one in force, where that is not what the configuration says.
 */
export function showEndpoints(registry: RegistryConfig, delivery: Delivery = registry.delivery): Endpoints {
  const { loginServer, regions } = registry;
  if (delivery === 'inline') return { loginServer, dataEndpoints: [] };
  if (delivery === 'dedicated') {
    const dataEndpoints = regions.map(({ name }) => ({
      region: name,
      endpoint: dataEndpointHost(registry, name),
    }));
    return { loginServer, dataEndpoints };
  }
  const names = regions.length === 0 ? ['*'] : regions.map(({ name }) => name);
  const dataEndpoints = names.flatMap((region) =>
    registry.redirectHosts.map(({ host }) => ({ region, endpoint: host })),
  );
  return { loginServer, dataEndpoints };
}
