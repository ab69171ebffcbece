import { basename, dirname, join } from 'node:path';

import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../oci/digest.ts';

/** Everything below this name is the store's own; another format gets another name, and leaves this one alone. */
export const FORMAT = 'v1';

export const ALGORITHMS = ['sha256', 'sha512'] as const;

/** As many of a digest name the directory of its file. */
export const SHARD_CHARACTERS = 2;

/** Only the user that Berth runs as may read what callers need a permission for. */
export const DIRECTORY_MODE = 0o700;
export const FILE_MODE = 0o600;

/**
 * ```
 * <directory>/v1/lock
 *               catalog                      what is published, when it was last used
 *               blobs/sha256/ab/ab12…        whole and verified
 *               partial/sha256/cd34….data    sparse
 *                              cd34….pieces  which pieces are there, with their CRC-32
 * ```
 * A sharded directory has some 400 names at 100,000 blobs.
 */
export type StoreLayout = {
  readonly root: string;
  readonly lock: string;
  readonly catalog: string;
  readonly probe: string;
  blobs(algorithm: string): string;
  partials(algorithm: string): string;
  blob(digest: Digest): string;
  partial(digest: Digest): { readonly data: string; readonly pieces: string };
};

export function storeLayout(directory: string): StoreLayout {
  const root = join(directory, FORMAT);
  const blobs = (algorithm: string) => join(root, 'blobs', algorithm);
  const partials = (algorithm: string) => join(root, 'partial', algorithm);
  return {
    root,
    lock: join(root, 'lock'),
    catalog: join(root, 'catalog'),
    probe: join(root, 'probe'),
    blobs,
    partials,
    blob(digest) {
      const hex = digestHex(digest);
      return join(blobs(digestAlgorithm(digest)), hex.slice(0, SHARD_CHARACTERS), hex);
    },
    partial(digest) {
      const path = join(partials(digestAlgorithm(digest)), digestHex(digest));
      return { data: `${path}.data`, pieces: `${path}.pieces` };
    },
  };
}

/** The digest of a published file; undefined where nothing of that name belongs there. */
export function digestOfBlob(path: string): Digest | undefined {
  const hex = basename(path);
  const shard = dirname(path);
  if (basename(shard) !== hex.slice(0, SHARD_CHARACTERS)) return undefined;
  return digestOf(basename(dirname(shard)), hex);
}

/** The digest of a partial's file, data or pieces. */
export function digestOfPartial(path: string): Digest | undefined {
  const hex = /^([0-9a-f]+)\.(?:data|pieces)$/.exec(basename(path))?.[1];
  return hex === undefined ? undefined : digestOf(basename(dirname(path)), hex);
}

function digestOf(algorithm: string, hex: string): Digest | undefined {
  const parsed = parseDigest(`${algorithm}:${hex}`);
  return parsed.kind === 'ok' ? parsed.digest : undefined;
}
