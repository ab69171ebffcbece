import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeCode } from '../system/error-code.ts';

/** `upstream.caFile` can not be used. The message is for the operator as it is: file, what is wrong, what to do. */
export class AuthoritiesError extends Error {
  override readonly name = 'AuthoritiesError';
  readonly code = 'invalid_authorities';
}

/** Every public authority there is has 250 KiB. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The PEM text of `upstream.caFile`, each certificate in it looked at: OpenSSL passes over what it can not read, and a
 * file that was half written would only show as connections that fail.
 *
 * @throws {AuthoritiesError}
 */
export function readAuthorities(path: string): string {
  const pem = read(path);
  if (pem.length > MAX_FILE_BYTES) {
    throw new AuthoritiesError(`the authorities ${path} have more than 4 MiB: is it the right file?`);
  }
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (
    certificates.length === 0 ||
    pem.split('-----BEGIN CERTIFICATE-----').length - 1 > certificates.length
  ) {
    throw new AuthoritiesError(
      `the authorities ${path} are no PEM certificates, or were cut: write the file anew`,
    );
  }
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate));
  if (broken === -1) return pem;
  throw new AuthoritiesError(
    `the authorities ${path}: certificate ${broken + 1} can not be read; write the file anew`,
  );
}

/**
 * The same for many registries: each file is read and looked at once, so that all are given the same text, or the same error.
 * To be made anew for each time that files are read.
 */
export function createAuthorityReader(): (path: string) => string {
  const attempts = new Map<string, { readonly pem: string } | { readonly error: unknown }>();
  return (path) => {
    let known = attempts.get(path);
    if (known === undefined) {
      known = attempt(path);
      attempts.set(path, known);
    }
    if ('error' in known) throw known.error;
    return known.pem;
  };
}

function attempt(path: string): { readonly pem: string } | { readonly error: unknown } {
  try {
    return { pem: readAuthorities(path) };
  } catch (error) {
    return { error };
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `the authorities ${path} can not be read (${describeCode(error)}): check upstream.caFile, owner and mode`;
    throw new AuthoritiesError(message, { cause: error });
  }
}
