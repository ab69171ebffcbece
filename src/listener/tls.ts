import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { SecureContext, SecureContextOptions, TlsOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from '../config/config.ts';
import { hostname } from '../http/host.ts';
import { errorCode } from '../system/error-code.ts';
import { stampFiles } from '../system/file-stamp.ts';
import { type ClientAuthorities, parseClientAuthorities } from './client-authorities.ts';

/** A certificate or key that cannot be served: which file, what is wrong, what to do. */
export class CertificateError extends Error {
  readonly code = 'certificate_error';
  readonly file: string;

  constructor(file: string, problem: string, cause?: unknown) {
    super(`${file}: ${problem}`, { cause });
    this.name = 'CertificateError';
    this.file = file;
  }
}

export type Certificates = {
  /** The leaf of each configured pair, in the configuration's order. */
  readonly leaves: readonly X509Certificate[];
  /** Of the clients; undefined where none are asked for a certificate. */
  readonly clientAuthorities: ClientAuthorities | undefined;
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
  const clientAuthorities = clientCaFile === null ? undefined : readAuthorities(clientCaFile);
  const pairs = config.certificates.map(({ cert, key }) => loadPair(cert, key, clientAuthorities?.pem));
  const [first] = pairs;
  if (first === undefined) throw new CertificateError('listeners[].tls.certificates', 'names no certificate');
  return {
    leaves: pairs.map((pair) => pair.leaf),
    clientAuthorities,
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

/** Options of Node's TLS server for these certificates. `current` is asked at each handshake that names a server. */
export function tlsOptions(
  config: TlsConfig,
  current: () => Certificates,
  handshakeTimeoutMs: number,
): TlsOptions {
  return {
    ...contextOptions(config),
    // Blob bytes are one response per connection; HTTP/2 would put them all through one window.
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    SNICallback: (serverName, done) => done(null, current().select(serverName)),
    // A certificate is one of several ways in (`clients`); whether it is needed is that policy's decision.
    ...(config.clientCaFile === null ? {} : { requestCert: true, rejectUnauthorized: false }),
  };
}

/** What a client that names no server gets: Node asks `SNICallback` only for those that do. */
export function contextOptions(config: TlsConfig): SecureContextOptions {
  const [pair] = config.certificates;
  return {
    minVersion: 'TLSv1.2',
    ...(pair === undefined ? {} : { cert: read(pair.cert), key: read(pair.key) }),
    ...(config.clientCaFile === null ? {} : { ca: read(config.clientCaFile) }),
  };
}

/** A text that differs once any of the files is replaced, written or gone. */
export function stampCertificates(config: TlsConfig): Promise<string> {
  return stampFiles([
    ...config.certificates.flatMap(({ cert, key }) => [cert, key]),
    ...(config.clientCaFile === null ? [] : [config.clientCaFile]),
  ]);
}

function loadPair(
  certFile: string,
  keyFile: string,
  ca: string | undefined,
): { leaf: X509Certificate; context: SecureContext } {
  const cert = read(certFile);
  const key = read(keyFile);
  const leaf = parse(certFile, 'is not a PEM certificate', () => new X509Certificate(cert));
  const privateKey = parse(keyFile, 'is not an unencrypted PEM private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CertificateError(keyFile, `does not belong to the certificate in ${certFile}`);
  }
  const context = parse(certFile, 'cannot be served', () =>
    createSecureContext({ cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) }),
  );
  return { leaf, context };
}

function readAuthorities(file: string): ClientAuthorities {
  const pem = read(file);
  return parse(file, 'is not a PEM certificate', () => parseClientAuthorities(pem));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT')
      throw new CertificateError(file, 'no such file; name the PEM file to serve', error);
    if (code === 'EACCES')
      throw new CertificateError(file, 'may not be read by the user Berth runs as', error);
    throw new CertificateError(file, 'cannot be read', error);
  }
}

/** OpenSSL's own messages name neither the file nor the remedy; they stay as the cause. */
function parse<T>(file: string, problem: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new CertificateError(file, problem, error);
  }
}
