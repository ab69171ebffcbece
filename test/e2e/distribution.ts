import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestAuthority } from '../support/ca.ts';
import { HOSTS } from './hosts-file.ts';
import { type Daemon, startDaemon, waitUntil } from './process.ts';
import { listens, type Storage } from './storage.ts';
import type { TokenService } from './token-service.ts';

const START_TIMEOUT_MS = 30_000;

/**
 * The distribution registry with its azure driver: blobs are redirects to 20-minute SAS links of the account. Its log has
 * a line for every request.
 */
export async function startDistribution(options: {
  readonly program: string;
  readonly authority: TestAuthority;
  readonly storage: Storage;
  readonly tokens: TokenService;
  readonly directory: string;
  /** Left out: the upstream of the run. */
  readonly host?: { readonly name: string; readonly address: string };
}): Promise<Daemon> {
  const { authority, storage, tokens, directory, host = HOSTS.upstream } = options;
  const leaf = await authority.issue([host.name]);
  const keySetFile = join(directory, 'token-keys.json');
  await writeFile(keySetFile, tokens.keySet);
  const config = {
    version: '0.1',
    log: { level: 'warn' },
    storage: {
      azure: {
        credentials: { type: 'shared_key' },
        accountname: storage.account,
        accountkey: storage.key,
        container: storage.container,
      },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: `${host.address}:443`,
      secret: 'one-instance-only',
      tls: { certificate: leaf.certFile, key: leaf.keyFile },
    },
    auth: {
      token: {
        realm: tokens.realm,
        service: tokens.service,
        issuer: tokens.issuer,
        jwks: keySetFile,
        signingalgorithms: ['ES256'],
      },
    },
  };
  // JSON is YAML, too.
  const configFile = join(directory, 'distribution.yaml');
  await writeFile(configFile, JSON.stringify(config, null, 2));
  const daemon = await startDaemon('distribution', [options.program, 'serve', configFile], {
    logFile: join(directory, 'distribution.log'),
    env: { PATH: process.env['PATH'], SSL_CERT_FILE: authority.caFile, OTEL_TRACES_EXPORTER: 'none' },
  });
  await waitUntil('distribution', () => listens(host.address), {
    daemon,
    timeoutMs: START_TIMEOUT_MS,
  });
  return daemon;
}
