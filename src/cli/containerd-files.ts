import type { RegistryConfig } from '../config/config.ts';
import {
  type ClientFile,
  type ClientFiles,
  type ClientFilesInput,
  sourceHosts,
  sourceUrl,
} from './client-file.ts';

const ROOT = '/etc/containerd/certs.d';

/**
 * For containerd since 1.5, nerdctl, and dockerd with the containerd image store: one directory per host in image
 * names, each with a `hosts.toml` that is read again at every pull.
 */
export function containerdFiles({ registry, ca, fallback }: ClientFilesInput): ClientFiles {
  const files: ClientFile[] = [];
  const withCa = registry.scheme === 'https' && ca !== undefined;
  const add = (host: string, content: string): void => {
    const directory = `${ROOT}/${directoryName(host)}`;
    files.push({ path: `${directory}/hosts.toml`, content });
    if (withCa) files.push({ path: `${directory}/ca.crt`, content: ca });
  };
  for (const host of [registry.loginServer, ...registry.aliases]) {
    const push = registry.push ? ['push'] : [];
    const url = `${registry.scheme}://${host}`;
    add(host, hostsToml(url, url, ['pull', 'resolve', ...push], withCa));
  }
  for (const host of sourceHosts(registry)) {
    const server = fallback ? sourceUrl(registry, host) : loginUrl(registry);
    add(host, hostsToml(server, loginUrl(registry), ['pull', 'resolve'], withCa));
  }
  return {
    files,
    notes: [`containerd reads these files where its registry "config_path" (of ctr: --hosts-dir) is ${ROOT}`],
  };
}

/** `host:port` is `host_port_`, the form that containerd looks for first on every system. */
function directoryName(host: string): string {
  return host.replace(/:([0-9]+)$/, '_$1_');
}

/**
 * `server` is asked last, with the settings of the top level. Where it is Berth too, nobody else is ever asked; the
 * host table stays all the same, because containerd 1.6 passes over a file that has none. A path of `ca` starts from
 * the file's own directory.
 */
function hostsToml(server: string, url: string, capabilities: readonly string[], withCa: boolean): string {
  const settings = [
    `capabilities = [${capabilities.map((capability) => `"${capability}"`).join(', ')}]`,
    ...(withCa ? ['ca = "ca.crt"'] : []),
  ];
  const lines = [
    `server = "${server}"`,
    ...(server === url ? settings : []),
    '',
    `[host."${url}"]`,
    ...settings.map((line) => `  ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}

function loginUrl(registry: RegistryConfig): string {
  return `${registry.scheme}://${registry.loginServer}`;
}
