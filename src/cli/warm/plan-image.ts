import { createHash } from 'node:crypto';
import { ContentTooLarge, readBounded } from '../../http/bounded-content.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../../oci/digest.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { CliError } from '../cli-error.ts';
import { type Descriptor, type Manifest, parseManifest } from './manifest.ts';
import { formatPlatform, matchesPlatform, type Platform } from './platform.ts';
import type { RegistryClient } from './registry-client.ts';

export type ImagePlan = {
  readonly digest: Digest;
  /** Of an index those that were chosen; empty for an image without one. */
  readonly platforms: readonly string[];
  /** Each once. */
  readonly blobs: readonly Descriptor[];
  readonly foreign: number;
};

/** Bytes; Berth itself keeps them up to `limits.manifestBytes`. */
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
/** An index may name indexes; more than this is a circle or a joke. */
const MAX_DEPTH = 4;

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Reads the manifests of an image, and with that warms them. @throws CliError */
export async function planImage(
  client: RegistryClient,
  image: { readonly repository: string; readonly reference: Reference },
  wanted: readonly Platform[] | 'all',
): Promise<ImagePlan> {
  const platforms = new Set<string>();
  const offered = new Set<string>();
  const blobs = new Map<Digest, Descriptor>();
  let missing = wanted === 'all' ? [] : [...wanted];
  let foreign = 0;

  /** @param isForAny reached by no entry that names a platform */
  async function visit(reference: Reference, depth: number, isForAny: boolean): Promise<Digest> {
    const { digest, manifest } = await readManifest(client, image.repository, reference);
    if (manifest.kind === 'image') {
      for (const blob of manifest.blobs) blobs.set(blob.digest, blob);
      foreign += manifest.foreign;
      // One without a platform, such as an artifact, is not left out by any.
      if (isForAny) missing = [];
      return digest;
    }
    if (depth === MAX_DEPTH) throw new CliError(`its index has indexes in more than ${MAX_DEPTH} levels`);
    for (const { digest: inner, platform } of manifest.manifests) {
      if (platform !== undefined) {
        offered.add(formatPlatform(platform));
        if (wanted !== 'all' && !wanted.some((one) => matchesPlatform(one, platform))) continue;
        platforms.add(formatPlatform(platform));
        missing = missing.filter((one) => !matchesPlatform(one, platform));
      }
      await visit({ kind: 'digest', digest: inner }, depth + 1, platform === undefined);
    }
    return digest;
  }

  const digest = await visit(image.reference, 1, true);
  if (missing.length > 0) {
    const there = offered.size === 0 ? 'nothing' : [...offered].join(', ');
    throw new CliError(
      `it has nothing for ${missing.map(formatPlatform).join(', ')}: choose with --platform from ${there}, or all`,
    );
  }
  return { digest, platforms: [...platforms], blobs: [...blobs.values()], foreign };
}

async function readManifest(
  client: RegistryClient,
  repository: string,
  reference: Reference,
): Promise<{ digest: Digest; manifest: Manifest }> {
  const text = formatReference(reference);
  const response = await client.get(`/v2/${repository}/manifests/${text}`, repository, { accept: ACCEPT });
  const stated = parseDigest(String(response.headers['docker-content-digest'] ?? ''));
  const content = await readBounded(response, MAX_MANIFEST_BYTES).catch((error: unknown) => {
    const reason =
      error instanceof ContentTooLarge ? `has more than ${MAX_MANIFEST_BYTES} bytes` : 'broke off';
    throw new CliError(`its manifest ${text} ${reason}`);
  });
  const digest =
    reference.kind === 'digest' ? reference.digest : stated.kind === 'ok' ? stated.digest : undefined;
  if (digest === undefined) throw new CliError(`its manifest ${text} came without a digest: is it Berth?`);
  if (createHash(digestAlgorithm(digest)).update(content).digest('hex') !== digestHex(digest)) {
    throw new CliError(`its manifest ${text} has another digest than ${digest}`);
  }
  const manifest = parseManifest(content);
  if (manifest === undefined) {
    throw new CliError(`its manifest ${text} is none of OCI or Docker schema 2, so its blobs are not known`);
  }
  return { digest, manifest };
}
