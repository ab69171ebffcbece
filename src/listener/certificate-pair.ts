import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { describeCode, errorCode } from '../system/error-code.ts';
import { type ClientAuthorities, parseClientAuthorities, splitCertificates } from './client-authorities.ts';

/** A certificate or key that cannot be served: which file, what is wrong, what to do. */
export class CertificateError extends Error {
  readonly code = 'certificate_error';
  readonly file: string;
  /** The system could not read it just now, by no fault that mending would show: it is worth another try. */
  readonly mayPass: boolean;

  constructor(file: string, problem: string, cause?: unknown, mayPass = false) {
    super(`${file}: ${problem}`, { cause });
    this.name = 'CertificateError';
    this.file = file;
    this.mayPass = mayPass;
  }
}

/** A certificate with what it is served by; `cert` and `key` are what the files said when it was made. */
export type CertificatePair = {
  readonly leaf: X509Certificate;
  readonly context: SecureContext;
  readonly cert: string;
  readonly key: string;
};

/** @throws {CertificateError} where it cannot be served */
export function loadPair(certFile: string, keyFile: string, ca: string | undefined): CertificatePair {
  const cert = read(certFile, 'the certificate');
  const key = read(keyFile, 'its key');
  const leaf = parse(
    certFile,
    'is not a PEM certificate; it is to have the server’s own certificate first, from -----BEGIN CERTIFICATE----- on, and its intermediates after it',
    () => new X509Certificate(cert),
  );
  const privateKey = parse(keyFile, whyNoKey(key), () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CertificateError(
      keyFile,
      `does not belong to the certificate in ${certFile}; ${remedy(cert, privateKey)}`,
    );
  }
  const context = parse(certFile, whyNotServed, () =>
    createSecureContext({ cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) }),
  );
  return { leaf, context, cert, key };
}

/** @throws {CertificateError} where these are no authorities */
export function loadClientAuthorities(file: string): ClientAuthorities {
  const pem = read(file, 'the authorities of the clients');
  return parse(
    file,
    'is not a PEM certificate, or was cut; write the authorities of the clients anew, each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----',
    () => parseClientAuthorities(pem),
  );
}

/** @param what is to be in it */
function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const problem = READ_PROBLEMS[errorCode(error) ?? ''];
    if (problem !== undefined) throw new CertificateError(file, `${problem} ${what} (PEM)`, error);
    const other = `cannot be read (${describeCode(error)}); look at the disk, and at what else the system says of it`;
    throw new CertificateError(file, other, error, true);
  }
}

const READ_PROBLEMS: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'no such file; put it there, or name in listeners[].tls the file with',
  ENOTDIR: 'no such file; put it there, or name in listeners[].tls the file with',
  EISDIR: 'is a directory; name in listeners[].tls the file in it with',
  EACCES:
    'may not be read by the user Berth runs as; let that user read the file, and enter the directories above it, for',
};

function whyNoKey(key: string): string {
  return key.includes('ENCRYPTED')
    ? 'is not an unencrypted PEM private key; nobody is there to give a passphrase: write it without one (openssl pkey -in … -out …)'
    : 'is not an unencrypted PEM private key; it is to have -----BEGIN PRIVATE KEY----- or -----BEGIN EC (or RSA) PRIVATE KEY-----';
}

function remedy(cert: string, key: KeyObject): string {
  const [, ...others] = splitCertificates(cert);
  return others.some((other) => belongs(other, key))
    ? 'it belongs to a later one in the same file: put the server’s own certificate first'
    : 'name the key that the certificate was asked for with, or have both issued anew';
}

function belongs(cert: string, key: KeyObject): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(key);
  } catch {
    return false;
  }
}

function whyNotServed(error: unknown): string {
  return `cannot be served (${describeCode(error)}); look for an intermediate that was cut, and have it issued anew with a key of at least 2048 bits (RSA) or P-256`;
}

/** OpenSSL's own messages name neither the file nor the remedy; they stay as the cause. */
function parse<T>(file: string, problem: string | ((error: unknown) => string), act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new CertificateError(file, typeof problem === 'string' ? problem : problem(error), error);
  }
}
