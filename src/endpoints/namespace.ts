import type { RegistryConfig } from '../config/config.ts';
import { parseHost } from '../http/host.ts';

/** Docker Hub under its three names: the one in image names, the one that is asked, and the one in old client configurations. */
const DOCKER_HUB = new Set(['docker.io', 'registry-1.docker.io', 'index.docker.io']);

/**
 * Whether this registry stands for the source host that a client names by `?ns=` (distribution-spec, «Registry
 * Proxying»): the upstream's own host, or one of `namespaces`.
 */
export function answersNamespace(registry: RegistryConfig, ns: string): boolean {
  const asked = canonicalNamespace(ns);
  if (asked === undefined) return false;
  return (
    asked === canonicalNamespace(new URL(registry.upstream.url).host) ||
    registry.namespaces.some((namespace) => canonicalNamespace(namespace) === asked)
  );
}

/** Lower case, without the https port, Docker Hub's names as one; undefined where it is not a host. */
export function canonicalNamespace(ns: string): string | undefined {
  const host = parseHost(ns, 'https');
  return host !== undefined && DOCKER_HUB.has(host) ? 'docker.io' : host;
}
