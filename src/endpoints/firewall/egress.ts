import { isIP } from 'node:net';

import type { RegistryConfig } from '../../config/config.ts';
import { hostname, parseHost } from '../../http/host.ts';
import { showEndpoints } from '../endpoints.ts';

/** One host that a client must reach, and the only port of it. */
export type EgressTarget = {
  readonly registry: string;
  readonly use: 'login server' | 'data endpoint' | 'storage';
  /** A name in lower case, or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly scheme: 'https' | 'http';
};

/** Storage that has no exact name, because data endpoints are off; `*` is one or more characters other than a dot. */
export type EgressPattern = {
  readonly registry: string;
  readonly pattern: string;
  readonly port: number;
};

/** Everything that clients of some registries must be able to open connections to, and what they need no more. */
export type Egress = {
  readonly registries: readonly string[];
  readonly targets: readonly EgressTarget[];
  readonly patterns: readonly EgressPattern[];
  /** Hosts and patterns that only Berth itself still needs: rules for them can be taken away from the clients. */
  readonly removable: readonly string[];
};

const DEFAULT_PORT = { https: 443, http: 80 } as const;

/**
 * The egress of clients that pull from these registries by their login servers' names. The ports are those of the links
 * given out, not those of the listeners: a terminator or a port mapping may stand between.
 */
export function createEgress(registries: readonly RegistryConfig[]): Egress {
  const targets: EgressTarget[] = [];
  const patterns: EgressPattern[] = [];
  const removable = new Set<string>();
  for (const registry of registries) {
    const { name, scheme, upstream, delivery } = registry;
    const { loginServer, dataEndpoints } = showEndpoints(registry);
    targets.push(target(name, 'login server', loginServer, scheme));
    const endpoints = new Set(dataEndpoints.map(({ endpoint }) => endpoint));
    // Clients that the rollout has not reached are still sent to storage.
    const partly = delivery === 'dedicated' && registry.rollout.percent < 100;
    const storage = partly
      ? showEndpoints(registry, 'passthrough').dataEndpoints.map(({ endpoint }) => endpoint)
      : [];
    if (delivery === 'dedicated') {
      for (const endpoint of endpoints) targets.push(target(name, 'data endpoint', endpoint, scheme));
    }
    for (const endpoint of delivery === 'dedicated' ? new Set(storage) : endpoints) {
      if (endpoint.includes('*')) patterns.push(pattern(name, endpoint));
      else targets.push(target(name, 'storage', endpoint, storageScheme(endpoint, upstream.url)));
    }
    removable.add(new URL(upstream.url).host);
    for (const host of upstream.tokenHosts) removable.add(host);
    if (delivery !== 'passthrough' && !partly)
      for (const { host } of registry.redirectHosts) removable.add(host);
  }
  const needed = new Set([...targets.map((entry) => entry.host), ...patterns.map((entry) => entry.pattern)]);
  return {
    registries: registries.map(({ name }) => name),
    targets,
    patterns,
    removable: [...removable].filter((host) => !needed.has(hostname(host).replace(/^\[|\]$/g, ''))),
  };
}

/** Whether the host is an address and not a name. */
export function isAddress({ host }: EgressTarget): boolean {
  return isIP(host) !== 0;
}

/** Every port with what is reached on it, in the order of first use. */
export function portsOf(egress: Egress): readonly number[] {
  return [...new Set([...egress.targets, ...egress.patterns].map(({ port }) => port))];
}

/** Storage is reached by https; the upstream itself, where it hands out blobs at its own host, as the upstream is. */
function storageScheme(endpoint: string, upstreamUrl: string): 'https' | 'http' {
  const { protocol, host } = new URL(upstreamUrl);
  return protocol === 'http:' && parseHost(endpoint, 'http') === host ? 'http' : 'https';
}

function target(
  registry: string,
  use: EgressTarget['use'],
  endpoint: string,
  scheme: 'https' | 'http',
): EgressTarget {
  const host = hostname(endpoint).replace(/^\[|\]$/g, '');
  return { registry, use, host, port: portOf(endpoint, scheme), scheme };
}

function pattern(registry: string, endpoint: string): EgressPattern {
  return { registry, pattern: hostname(endpoint), port: portOf(endpoint, 'https') };
}

function portOf(endpoint: string, scheme: 'https' | 'http'): number {
  const port = /:([0-9]+)$/.exec(endpoint)?.[1];
  return port === undefined ? DEFAULT_PORT[scheme] : Number(port);
}
