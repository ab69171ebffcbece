import { readFile } from 'node:fs/promises';
import type { Client, ClientFiles } from './client.ts';

/** What an administrator writes by hand for a registry that has no Berth in front: the authority, nothing else. */
export async function handWrittenFiles(
  configuration: Client['configuration'],
  registry: string,
  caFile: string,
): Promise<ClientFiles> {
  const ca = await readFile(caFile, 'utf8');
  switch (configuration) {
    case 'docker':
      return new Map([[`docker/certs.d/${registry}/ca.crt`, ca]]);
    case 'containerd': {
      const hosts = `server = "https://${registry}"\n[host."https://${registry}"]\n  ca = "${caFile}"\n`;
      return new Map([[`containerd/certs.d/${registry}/hosts.toml`, hosts]]);
    }
    case 'buildkit': {
      const toml = `[registry."${registry}"]\n  ca = ["${caFile}"]\n`;
      return new Map([['buildkit/buildkitd.toml', toml]]);
    }
    case 'crio':
    case 'podman':
      return new Map([[`containers/certs.d/${registry}/ca.crt`, ca]]);
    case 'none':
      return new Map();
    default:
      return configuration satisfies never;
  }
}
