import type { RegistryConfig } from '../config/config.ts';
import { dataEndpointHost, servesRegion } from './endpoints.ts';

/** Which registry, and which of its two doors, a host stands for. */
export type HostMatch =
  | { readonly door: 'login_server'; readonly registry: RegistryConfig }
  | {
      readonly door: 'data_endpoint';
      readonly registry: RegistryConfig;
      readonly region: string;
      /** The endpoint as the configuration writes it: the name tickets are bound to. */
      readonly host: string;
    };

export type HostTable = {
  /** `host` as `parseHost` gives it; undefined: no registry answers to it (421). */
  find(host: string): HostMatch | undefined;
  /** Every name that links are given out for by https: what certificates must cover. */
  readonly secureHosts: readonly string[];
};

/** One that registries are put into one after the other, where there are too many to do that in one go. */
export type HostTableDraft = {
  add(registry: RegistryConfig): void;
  readonly table: HostTable;
};

/** Of all these registries; see `draftHostTable`. */
export function createHostTable(registries: readonly RegistryConfig[]): HostTable {
  const draft = draftHostTable();
  for (const registry of registries) draft.add(registry);
  return draft.table;
}

/**
 * The host chooses the registry. A host whose scheme's own port was left out is also found with that port written out,
 * because a listener behind a TLS terminator sees `name:443` on a plain connection.
 */
export function draftHostTable(): HostTableDraft {
  const table = new Map<string, HostMatch>();
  const secureHosts: string[] = [];

  function addHost(host: string, match: HostMatch): void {
    const { scheme } = match.registry;
    table.set(host, match);
    if (scheme === 'https') secureHosts.push(host);
    if (!/:[0-9]+$/.test(host)) table.set(`${host}:${scheme === 'https' ? 443 : 80}`, match);
  }

  return {
    add(registry) {
      for (const host of [registry.loginServer, ...registry.aliases]) {
        addHost(host, { door: 'login_server', registry });
      }
      // Also while `passthrough`: tickets given out before the switch are served until they expire.
      if (registry.dataEndpoint === null) return;
      for (const { name } of registry.regions) {
        // Its name leads to another instance, and a certificate for it is that one's business.
        if (!servesRegion(registry, name)) continue;
        const host = dataEndpointHost(registry, name);
        addHost(host, { door: 'data_endpoint', registry, region: name, host });
      }
    },
    table: { find: (host) => table.get(host), secureHosts },
  };
}
