import type { X509Certificate } from 'node:crypto';
import type { ConsoleCertificate } from './console-facts.ts';

/** What is to be said of the leaf certificates that listeners serve: each once, however many serve it. */
export function servedCertificates(leaves: readonly X509Certificate[]): ConsoleCertificate[] {
  const distinct = new Map(leaves.map((leaf) => [leaf.fingerprint256, leaf]));
  return Array.from(distinct.values(), ({ subjectAltName, validTo }) => ({
    names: (subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')),
    notAfter: Date.parse(validTo),
  }));
}
