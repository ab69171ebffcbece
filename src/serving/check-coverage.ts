import type { X509Certificate } from 'node:crypto';
import { uncoveredHosts } from '../listener/tls.ts';
import type { Turns } from '../system/turns.ts';

/**
 * A name that no certificate covers is found here, not by the first client.
 * @param hosts every name that links are given out for by https
 * @param leaves those of all listeners; none: TLS ends somewhere else
 * @throws Error that names the hosts
 */
export async function checkCoverage(
  hosts: readonly string[],
  leaves: readonly X509Certificate[],
  turns: Turns,
): Promise<void> {
  if (leaves.length === 0) return;
  const missing: string[] = [];
  for (const host of hosts) {
    missing.push(...uncoveredHosts(leaves, [host]));
    const pause = turns.next();
    if (pause !== undefined) await pause;
  }
  if (missing.length === 0) return;
  throw new Error(
    `no certificate covers ${missing.join(', ')}; add one to listeners[].tls.certificates, or take the name out of the configuration`,
  );
}
