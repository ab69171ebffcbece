import { writeFileSync } from 'node:fs';

import { createTestAuthority } from '../test/support/ca.ts';

/** A certificate for every name and address of the benchmark, for both sides of a proxy. */
export type TlsFiles = {
  certFile: string;
  keyFile: string;
  /** Certificate and key in one, as HAProxy reads them. */
  pemFile: string;
  caFile: string;
};

const NAMES = ['localhost', 'inline.localhost', 'login.localhost', 'data.localhost', '127.0.0.1'] as const;

/** Runs `action` with a certificate of an authority made for it; both are gone afterwards. */
export async function withTlsFiles<T>(action: (files: TlsFiles) => Promise<T>): Promise<T> {
  const authority = await createTestAuthority();
  try {
    const { cert, key, certFile, keyFile } = await authority.issue(NAMES);
    const pemFile = `${certFile}.both`;
    writeFileSync(pemFile, `${cert}\n${key}\n`, { mode: 0o600 });
    return await action({ certFile, keyFile, pemFile, caFile: authority.caFile });
  } finally {
    await authority.remove();
  }
}
