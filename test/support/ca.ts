import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export type TestCertificate = {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
};

/** Left out: from now, for a year. */
export type CertificateLife = { readonly notBefore?: Date; readonly notAfter?: Date };

export type TestAuthority = {
  /** PEM of the authority. */
  readonly cert: string;
  readonly caFile: string;
  /** Temporary; whoever needs a place for files of one test may use it. */
  readonly directory: string;
  /** A leaf for DNS names (wildcards included) and addresses; also good as a client certificate. */
  issue(names: readonly [string, ...string[]], life?: CertificateLife): Promise<TestCertificate>;
  /** Removes the directory. */
  remove(): Promise<void>;
};

/** A certificate authority for one test: its files live in a temporary directory until `remove()`. */
export async function createTestAuthority(value = 'Berth test authority'): Promise<TestAuthority> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const authority = await generate([{ name: 'commonName', value }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.cert);
  let issued = 0;
  return {
    cert: authority.cert,
    caFile,
    directory,
    async issue(names, { notBefore, notAfter } = {}) {
      const leaf = await generate([{ name: 'commonName', value: names[0] }], {
        keyType: 'ec',
        algorithm: 'sha256',
        ca: { key: authority.private, cert: authority.cert },
        ...(notBefore !== undefined && { notBeforeDate: notBefore }),
        ...(notAfter !== undefined && { notAfterDate: notAfter }),
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: names.map((name) =>
              isIP(name) === 0 ? { type: 2 as const, value: name } : { type: 7 as const, ip: name },
            ),
          },
        ],
      });
      issued += 1;
      const certFile = join(directory, `leaf-${issued}.pem`);
      const keyFile = join(directory, `leaf-${issued}.key`);
      await writeFile(certFile, leaf.cert);
      await writeFile(keyFile, leaf.private, { mode: 0o600 });
      return { cert: leaf.cert, key: leaf.private, certFile, keyFile };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
