import { createHash, randomFillSync } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { digestOf } from '../test/support/image.ts';

const MEBIBYTE = 1024 * 1024;
/** `f_type` of a tmpfs, from statfs(2). */
const TMPFS_MAGIC = 0x01021994;
const SHARED_MEMORY = '/dev/shm';

/** The repository that the origin serves. */
export const REPOSITORY = 'bench/blob';

export type Blob = { file: string; bytes: number; digest: string; path: string };

/** What the registry answers at each of its paths. */
export type Manifest = {
  mediaType: string;
  digest: string;
  bytes: number;
  /** By digest first, then by tag. */
  paths: readonly string[];
};

export type Workspace = {
  /** Everything that the benchmark writes is below it. */
  directory: string;
  /** False: no tmpfs was found, the blobs lie on a disk and its page cache. */
  inMemory: boolean;
  /** Root of the origin's files. */
  originDirectory: string;
  /** Makes a blob of random bytes, laid out as the blob path of the distribution-spec; the caller removes it. */
  addBlob: (mebibytes: number) => Blob;
  /** Lays out a blob of these bytes; the caller removes it. */
  addContent: (content: Uint8Array) => Blob;
  /** Lays out a manifest by its digest and its tags. */
  addManifest: (content: Uint8Array, mediaType: string, tags: readonly string[]) => Manifest;
  /** A name that was not given before. */
  uniqueName: (prefix: string) => string;
  remove: () => void;
};

export function createWorkspace(): Workspace {
  const inMemory = isTmpfs(SHARED_MEMORY);
  const directory = mkdtempSync(join(inMemory ? SHARED_MEMORY : tmpdir(), 'berth-bench-'));
  const originDirectory = join(directory, 'origin');
  const [blobs, manifests] = [`/v2/${REPOSITORY}/blobs`, `/v2/${REPOSITORY}/manifests`];
  const blobsDirectory = join(originDirectory, blobs);
  for (const path of [blobs, manifests]) mkdirSync(join(originDirectory, path), { recursive: true });
  const addBlob = (mebibytes: number): Blob => {
    const { content, digest } = createContent(mebibytes);
    const file = join(blobsDirectory, digest);
    const descriptor = openSync(file, 'w');
    for (const piece of content()) writeSync(descriptor, piece);
    closeSync(descriptor);
    return { file, bytes: mebibytes * MEBIBYTE, digest, path: `${blobs}/${digest}` };
  };
  const addContent = (content: Uint8Array): Blob => {
    const digest = digestOf(content);
    const file = join(blobsDirectory, digest);
    writeFileSync(file, content);
    return { file, bytes: content.length, digest, path: `${blobs}/${digest}` };
  };
  const addManifest = (content: Uint8Array, mediaType: string, tags: readonly string[]): Manifest => {
    const digest = digestOf(content);
    const paths = [digest, ...tags].map((reference) => `${manifests}/${reference}`);
    for (const path of paths) writeFileSync(join(originDirectory, path), content);
    return { mediaType, digest, bytes: content.length, paths };
  };
  let names = 0;
  const uniqueName = (prefix: string): string => {
    names += 1;
    return `${prefix}-${names}`;
  };
  return {
    directory,
    inMemory,
    originDirectory,
    addBlob,
    addContent,
    addManifest,
    uniqueName,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** One random mebibyte, told apart by its number: different everywhere, and cheap to make. */
function createContent(mebibytes: number): { content: () => Generator<Buffer>; digest: string } {
  const seed = randomFillSync(Buffer.alloc(MEBIBYTE));
  function* content(): Generator<Buffer> {
    for (let number = 0; number < mebibytes; number += 1) {
      seed.writeUInt32BE(number);
      yield seed;
    }
  }
  const hash = createHash('sha256');
  for (const piece of content()) hash.update(piece);
  return { content, digest: `sha256:${hash.digest('hex')}` };
}

function isTmpfs(directory: string): boolean {
  try {
    return statfsSync(directory).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}
