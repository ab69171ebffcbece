import { parseHost } from '../../http/host.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';
import { parseRepositoryName, type RepositoryName } from '../../oci/repository-name.ts';

export type ImageName = {
  /** Undefined where the name begins with its repository. */
  readonly host: string | undefined;
  readonly repository: RepositoryName;
  readonly reference: Reference;
};

/**
 * `[host/]repository[:tag][@digest]`, read as docker does: what stands before the first slash is a host where it has a dot or a
 * colon or is `localhost`; without a tag it is `latest`; of tag and digest the digest counts. Undefined: no image name.
 */
export function parseImageName(text: string): ImageName | undefined {
  const slash = text.indexOf('/');
  const first = slash === -1 ? '' : text.slice(0, slash);
  const hasHost = first === 'localhost' || /[.:]/.test(first);
  const host = hasHost ? parseHost(first, 'https') : undefined;
  if (hasHost && host === undefined) return undefined;
  const [named = '', digest, ...more] = (hasHost ? text.slice(slash + 1) : text).split('@');
  const [name = '', tag, ...others] = named.split(':');
  if (more.length > 0 || others.length > 0) return undefined;
  const repository = parseRepositoryName(isOfficial(host, name) ? `library/${name}` : name);
  const reference = parseReference(digest ?? tag ?? 'latest');
  if (repository === undefined || (reference.kind !== 'tag' && reference.kind !== 'digest')) return undefined;
  return { host, repository, reference };
}

/** Docker Hub's own images stand in image names without their `library/`. */
function isOfficial(host: string | undefined, name: string): boolean {
  return host === 'docker.io' && !name.includes('/');
}
