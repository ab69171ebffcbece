import type { ClientFiles, ClientFilesInput } from './client-file.ts';
import { podmanFiles } from './podman-files.ts';

/**
 * For CRI-O: the files of podman, as both read them through the same library (containers/image). Its own `crio.conf` has
 * nothing that takes the place of a mirror.
 */
export function crioFiles(input: ClientFilesInput): ClientFiles {
  const { files } = podmanFiles(input);
  if (files.length === 0) return { files, notes: ['CRI-O needs no file'] };
  return {
    files,
    notes: [
      'CRI-O takes these files up at SIGHUP (systemctl reload crio)',
      'crio.conf stays as it is: it must not set insecure_registries for the same hosts, and its signature_policy must allow the names that pods use',
    ],
  };
}
