import type { X509Certificate } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { createHostTable } from '../endpoints/host-table.ts';
import { uncoveredHosts } from '../listener/tls.ts';

/**
 * A name that no certificate covers is found here, not by the first client.
 * @param leaves those of all listeners; none: TLS ends somewhere else
 * @throws Error that names the hosts
 */
export function checkCoverage(config: Config, leaves: readonly X509Certificate[]): void {
  if (leaves.length === 0) return;
  const hosts = createHostTable(config.registries).secureHosts;
  const missing = uncoveredHosts(leaves, hosts);
  if (missing.length === 0) return;
  throw new Error(
    `no certificate covers ${missing.join(', ')}; add one to listeners[].tls.certificates, or take the name out of the configuration`,
  );
}
