import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** The authorities of `clientCaFile`: whose certificates clients may show. */
export type ClientAuthorities = {
  readonly pem: string;
  /** SHA-256 of each, as Node writes it. */
  readonly fingerprints: ReadonlySet<string>;
};

const BEGIN = '-----BEGIN CERTIFICATE-----';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The PEM blocks in it. */
export function splitCertificates(pem: string): readonly string[] {
  return pem.match(CERTIFICATE) ?? [];
}

/** @throws where there is no certificate in it, or one that can not be read or has no end */
export function parseClientAuthorities(pem: string): ClientAuthorities {
  const blocks = splitCertificates(pem);
  // OpenSSL passes over what was cut: fewer clients would count, and nobody would know why.
  if (blocks.length === 0 || pem.split(BEGIN).length - 1 > blocks.length)
    throw new Error('no whole certificate');
  return { pem, fingerprints: new Set(blocks.map((block) => new X509Certificate(block).fingerprint256)) };
}

/**
 * Whether the client of a connection showed a certificate that counts now. Node has verified it in the handshake, by the
 * authorities of then; where these may have been others, the root that it was verified by must be one of now.
 *
 * @param before the authorities when the connection was accepted, before its handshake
 */
export function isCertified(
  socket: TLSSocket,
  before: ClientAuthorities | undefined,
  now: ClientAuthorities | undefined,
): boolean {
  if (now === undefined || !socket.authorized) return false;
  return before === now || now.fingerprints.has(rootOf(socket.getPeerCertificate(true)).fingerprint256);
}

/** The end of the chain, which Node makes from what the client sent and from the authorities of the handshake. */
function rootOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate {
  let certificate = leaf;
  let issuer: DetailedPeerCertificate | undefined = leaf.issuerCertificate;
  const seen = new Set<DetailedPeerCertificate>();
  while (issuer !== undefined && !seen.has(issuer)) {
    seen.add(issuer);
    certificate = issuer;
    issuer = issuer.issuerCertificate;
  }
  return certificate;
}
