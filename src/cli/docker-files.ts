import { type ClientFile, type ClientFiles, type ClientFilesInput, sourceHosts } from './client-file.ts';

/**
 * For dockerd. Its `registry-mirrors` stand for Docker Hub alone; of every other registry it is the image name that
 * decides, which needs no file but the authority's.
 */
export function dockerFiles({ registry, ca, fallback }: ClientFilesInput): ClientFiles {
  const hosts = [registry.loginServer, ...registry.aliases];
  const sources = sourceHosts(registry);
  const files: ClientFile[] = [];
  const notes: string[] = [];
  const daemon = {
    ...(sources.includes('docker.io')
      ? { 'registry-mirrors': [`${registry.scheme}://${registry.loginServer}`] }
      : {}),
    ...(registry.scheme === 'http' ? { 'insecure-registries': hosts } : {}),
  };
  if (Object.keys(daemon).length > 0) {
    files.push({ path: '/etc/docker/daemon.json', content: `${JSON.stringify(daemon, null, 2)}\n` });
    notes.push('merge daemon.json with the one that is there, then restart dockerd');
  }
  if (ca !== undefined && registry.scheme === 'https') {
    for (const host of hosts) files.push({ path: `/etc/docker/certs.d/${host}/ca.crt`, content: ca });
  }
  if (files.length === 0) notes.push('docker needs no file');
  if (sources.includes('docker.io') && !fallback) {
    notes.push('dockerd asks Docker Hub itself when the mirror fails; only a firewall stops it');
  }
  const others = sources.filter((host) => host !== 'docker.io');
  if (others.length > 0) {
    notes.push(
      `registry-mirrors stand for docker.io alone: instead of ${others.join(', ')}, write ${registry.loginServer} in image names`,
    );
  }
  return { files, notes };
}
