import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { SecureContext, SecureContextOptions, TlsOptions } from 'node:tls';
import type { TlsConfig } from '../config/config.ts';
import { hostname } from '../http/host.ts';
import { stampFiles } from '../system/file-stamp.ts';
import { CertificateError, loadClientAuthorities, loadPair } from './certificate-pair.ts';
import type { ClientAuthorities } from './client-authorities.ts';

export { CertificateError };

export type Certificates = {
  /** The leaf of each configured pair, in the configuration's order. */
  readonly leaves: readonly X509Certificate[];
  /** Of the clients; undefined where none are asked for a certificate. */
  readonly clientAuthorities: ClientAuthorities | undefined;
  /** What a client that names no server gets: Node asks `SNICallback` only for those that do. */
  readonly options: SecureContextOptions;
  /** The first pair that covers the name; the first of all where none does or the client names none. */
  select(serverName: string | undefined): SecureContext;
};

/**
 * Reads every pair of PEM files and checks that they belong together.
 *
 * @throws {CertificateError} for the first pair that cannot be served.
 */
export function loadCertificates(config: TlsConfig): Certificates {
  const { clientCaFile } = config;
  const clientAuthorities = clientCaFile === null ? undefined : loadClientAuthorities(clientCaFile);
  const pairs = config.certificates.map(({ cert, key }) => loadPair(cert, key, clientAuthorities?.pem));
  const [first] = pairs;
  if (first === undefined) {
    const problem = 'names no certificate; name a file for cert and one for key, or leave tls out';
    throw new CertificateError('listeners[].tls.certificates', problem);
  }
  return {
    leaves: pairs.map((pair) => pair.leaf),
    clientAuthorities,
    options: {
      minVersion: 'TLSv1.2',
      // As they were read above: files that are being replaced may say something else by now.
      cert: first.cert,
      key: first.key,
      ...(clientAuthorities === undefined ? {} : { ca: clientAuthorities.pem }),
    },
    select(serverName) {
      if (serverName === undefined || serverName === '') return first.context;
      return (pairs.find(({ leaf }) => certificateCovers(leaf, serverName)) ?? first).context;
    },
  };
}

/** Whether a client that asks for `host` (a port is ignored) accepts this certificate's names; not its issuer or dates. */
export function certificateCovers(certificate: X509Certificate, host: string): boolean {
  const name = hostname(host).replace(/^\[(.*)\]$/, '$1');
  return isIP(name) === 0
    ? certificate.checkHost(name, { subject: 'never' }) !== undefined
    : certificate.checkIP(name) !== undefined;
}

/** The hosts that none of the certificates covers: clients of theirs would refuse the connection. */
export function uncoveredHosts(leaves: readonly X509Certificate[], hosts: readonly string[]): string[] {
  return hosts.filter((host) => !leaves.some((leaf) => certificateCovers(leaf, host)));
}

/** Options of Node's TLS server. `current` is asked at each handshake that names a server. */
export function tlsOptions(current: () => Certificates, handshakeTimeoutMs: number): TlsOptions {
  const { options, clientAuthorities } = current();
  return {
    ...options,
    // Blob bytes are one response per connection; HTTP/2 would put them all through one window.
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    SNICallback: (serverName, done) => done(null, current().select(serverName)),
    // A certificate is one of several ways in (`clients`); whether it is needed is that policy's decision.
    ...(clientAuthorities === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
  };
}

/** A text that differs once any of the files is replaced, written or gone. */
export function stampCertificates(config: TlsConfig): Promise<string> {
  return stampFiles([
    ...config.certificates.flatMap(({ cert, key }) => [cert, key]),
    ...(config.clientCaFile === null ? [] : [config.clientCaFile]),
  ]);
}
