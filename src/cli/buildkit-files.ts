import { type ClientFile, type ClientFiles, type ClientFilesInput, sourceHosts } from './client-file.ts';

const ROOT = '/etc/buildkit';

/**
 * For buildkitd, and for builders of `docker buildx create --buildkitd-config`: one `buildkitd.toml` with a table per host in
 * image names. The authority of a host counts for the data endpoints that it redirects to as well.
 */
export function buildkitFiles({ registry, ca, fallback }: ClientFilesInput): ClientFiles {
  const isPlain = registry.scheme === 'http';
  const caFile = `${ROOT}/berth-${registry.name}.crt`;
  const hasCa = ca !== undefined && !isPlain;
  const sources = sourceHosts(registry);
  const settings = isPlain ? ['http = true'] : hasCa ? [`ca = ["${caFile}"]`] : [];
  const tables = [
    ...sources.map((host) => table(host, [`mirrors = ["${registry.loginServer}"]`])),
    ...(settings.length === 0
      ? []
      : [registry.loginServer, ...registry.aliases].map((host) => table(host, settings))),
  ];
  if (tables.length === 0) return { files: [], notes: ['buildkit needs no file'] };
  const files: ClientFile[] = [{ path: `${ROOT}/buildkitd.toml`, content: tables.join('\n') }];
  if (hasCa) files.push({ path: caFile, content: ca });
  const notes = [
    'merge buildkitd.toml with the one that is there, then restart buildkitd; for a builder of buildx: docker buildx create --buildkitd-config FILE',
  ];
  if (hasCa) {
    notes.push(
      `the client fetches the tokens: give buildctl --registry-auth-tlscontext host=${registry.loginServer},ca=${caFile}, or have its machine trust the authority`,
    );
  }
  if (sources.length > 0 && !fallback) {
    notes.push(
      `buildkit asks ${sources.join(', ')} itself when the mirror fails; only a firewall stops it, or ${registry.loginServer} in image names`,
    );
  }
  return { files, notes };
}

function table(host: string, lines: readonly string[]): string {
  return `[registry."${host}"]\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
