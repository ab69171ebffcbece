import { type ClientFile, type ClientFiles, type ClientFilesInput, sourceHosts } from './client-file.ts';

/**
 * For podman, buildah, skopeo and CRI-O: a drop-in of `containers-registries.conf(5)`, version 2, and the authority
 * where `containers-certs.d(5)` has it.
 */
export function podmanFiles({ registry, ca, fallback }: ClientFilesInput): ClientFiles {
  const insecure = registry.scheme === 'http';
  const hosts = [registry.loginServer, ...registry.aliases];
  const tables = [
    ...(insecure
      ? hosts.map((host) => table('[[registry]]', { prefix: host, location: host, insecure }))
      : []),
    ...sourceHosts(registry).map((host) =>
      fallback
        ? `${table('[[registry]]', { prefix: host, location: host })}\n${table('[[registry.mirror]]', { location: registry.loginServer, insecure })}`
        : table('[[registry]]', { prefix: host, location: registry.loginServer, insecure }),
    ),
  ];
  const files: ClientFile[] = [];
  if (tables.length > 0) {
    const path = `/etc/containers/registries.conf.d/50-berth-${registry.name}.conf`;
    files.push({ path, content: tables.join('\n') });
  }
  if (ca !== undefined && !insecure) {
    for (const host of hosts) files.push({ path: `/etc/containers/certs.d/${host}/ca.crt`, content: ca });
  }
  return { files, notes: files.length === 0 ? ['podman needs no file'] : [] };
}

function table(
  name: string,
  fields: { readonly prefix?: string; readonly location: string; readonly insecure?: boolean },
): string {
  const lines = [
    name,
    ...(fields.prefix === undefined ? [] : [`prefix = "${fields.prefix}"`]),
    `location = "${fields.location}"`,
    ...(fields.insecure === true ? ['insecure = true'] : []),
  ];
  return `${lines.join('\n')}\n`;
}
