import type { RegistryConfig } from '../config/config.ts';
import { canonicalNamespace } from '../endpoints/namespace.ts';

/** One file of a client's own configuration. */
export type ClientFile = { readonly path: string; readonly content: string };

/** What a client needs for one registry, and what it can not be told by a file. */
export type ClientFiles = { readonly files: readonly ClientFile[]; readonly notes: readonly string[] };

export type ClientFilesInput = {
  readonly registry: RegistryConfig;
  /** PEM text of the authority of Berth's certificates; undefined: the client knows it already. */
  readonly ca: string | undefined;
  /** Whether the client asks the source itself when Berth fails: never through two exact host names alone. */
  readonly fallback: boolean;
};

/**
 * The hosts in image names that this registry can stand in for: its upstream's own and `namespaces`, Docker Hub's
 * names as one. The login server's own name is not among them.
 */
export function sourceHosts(registry: RegistryConfig): readonly string[] {
  const hosts = [new URL(registry.upstream.url).host, ...registry.namespaces].map(
    (host) => canonicalNamespace(host) ?? host,
  );
  return [...new Set(hosts)].filter((host) => host !== registry.loginServer);
}

/** The URL that a client asks when it falls back to the source itself. */
export function sourceUrl(registry: RegistryConfig, host: string): string {
  if (host === 'docker.io') return 'https://registry-1.docker.io';
  const { url } = registry.upstream;
  return new URL(url).host === host ? url : `https://${host}`;
}
