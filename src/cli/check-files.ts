import { open } from 'node:fs/promises';
import type { Config, ListenerConfig, RegistryConfig, UpstreamAuth } from '../config/config.ts';
import type { ConfigPath, Finding } from '../config/problem.ts';
import { createHostTable } from '../endpoints/host-table.ts';
import { CertificateError, loadCertificates, uncoveredHosts } from '../listener/tls.ts';
import { openHtpasswdFile } from '../policy/htpasswd-file.ts';
import { describeCode } from '../system/error-code.ts';
import { readKeyFile } from '../ticket/key-file.ts';
import { readAuthorities } from '../upstream/authorities.ts';
import { checkCredentialsFile } from '../upstream/credentials-file.ts';

/**
 * Reads every file that a configuration names and a start would read, and says of each that could not be used why, where
 * a start ends at the first. Counts for the machine and the user that it runs on and as.
 */
export async function checkFiles(config: Config): Promise<readonly Finding[]> {
  const { ticket, state, cache, listeners, registries } = config;
  const found = await Promise.all([
    checkFile(['ticket', 'keyFile'], ticket.keyFile, readKeyFile),
    checkFile(['state', 'passwordFile'], state?.passwordFile, readSome),
    checkFile(['state', 'caFile'], state?.caFile, readSome),
    checkFile(['cache', 'store', 'credentialsFile'], cache.store?.credentialsFile, readSome),
    checkFile(['cache', 'store', 'caFile'], cache.store?.caFile, readSome),
    ...registries.flatMap((registry, index) => checkRegistryFiles(registry, ['registries', index])),
  ]);
  const tls = listeners.map((listener, index) => checkTlsFiles(listener, ['listeners', index, 'tls']));
  const broken = tls.flatMap(({ findings }) => findings);
  const leaves = tls.flatMap((one) => one.leaves);
  // A name that only a certificate which can not be read covers would be told as a second fault.
  const missing =
    broken.length > 0 || leaves.length === 0
      ? []
      : uncoveredHosts(leaves, createHostTable(registries).secureHosts);
  if (missing.length === 0) return [...found.flat(), ...broken];
  const message = `no certificate covers ${missing.join(', ')}`;
  const hint = 'add one to tls.certificates, or take the name out of the configuration';
  return [...found.flat(), { path: ['listeners'], message, hint }];
}

function checkRegistryFiles(
  { upstream, regions, clients }: RegistryConfig,
  path: ConfigPath,
): Promise<readonly Finding[]>[] {
  const ofRegions = regions.map((region, index) =>
    checkAuth(region.upstream?.auth ?? null, [...path, 'regions', index, 'upstream', 'auth', 'file']),
  );
  return [
    checkFile([...path, 'upstream', 'caFile'], upstream.caFile, readAuthorities),
    checkAuth(upstream.auth, [...path, 'upstream', 'auth', 'file']),
    ...ofRegions,
    checkFile([...path, 'clients', 'htpasswd', 'file'], clients?.htpasswdFile, openHtpasswdFile),
  ];
}

function checkAuth(auth: UpstreamAuth | null, path: ConfigPath): Promise<readonly Finding[]> {
  return checkFile(path, auth?.kind === 'file' ? auth.file : null, checkCredentialsFile);
}

/** Each pair by itself, so that the second is looked at, too, where the first is broken. */
function checkTlsFiles({ tls }: ListenerConfig, path: ConfigPath) {
  const findings: Finding[] = [];
  if (tls === null) return { findings, leaves: [] };
  const { certificates, clientCaFile } = tls;
  const leaves = certificates.flatMap((pair, index) => {
    try {
      return loadCertificates({ certificates: [pair], clientCaFile: null }).leaves;
    } catch (error) {
      findings.push({ path: [...path, 'certificates', index], message: messageOf(error) });
      return [];
    }
  });
  try {
    loadCertificates({ certificates: certificates.slice(0, 1), clientCaFile });
  } catch (error) {
    if (error instanceof CertificateError && error.file === clientCaFile) {
      findings.push({ path: [...path, 'clientCaFile'], message: error.message });
    }
  }
  return { findings, leaves };
}

/** `read` throws an Error whose message is for the operator as it is. */
async function checkFile(
  path: ConfigPath,
  file: string | null | undefined,
  read: (file: string) => unknown,
): Promise<readonly Finding[]> {
  if (file === null || file === undefined) return [];
  try {
    await read(file);
    return [];
  } catch (error) {
    return [{ path, message: messageOf(error) }];
  }
}

/** For what is read by others only when it is needed, and whose content they judge. */
async function readSome(path: string): Promise<void> {
  try {
    const file = await open(path);
    try {
      await file.read(Buffer.alloc(1), 0, 1, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${path} can not be read (${describeCode(error)}): check its name, owner and mode`, {
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
