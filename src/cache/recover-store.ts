import { join } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import { errorCode } from '../system/error-code.ts';
import type { StoreEntry } from './blob-store.ts';
import { readCatalog } from './catalog-file.ts';
import type { LeftPartial } from './partial-shelf.ts';
import { type DirectoryEntry, removeFile, type StoreFs } from './store-fs.ts';
import {
  ALGORITHMS,
  DIRECTORY_MODE,
  digestOfBlob,
  digestOfPartial,
  type StoreLayout,
} from './store-layout.ts';

export type RecoveredStore = {
  /** Least recently used first. */
  readonly blobs: readonly StoreEntry[];
  readonly partials: readonly LeftPartial[];
  /** Files that a crash left behind, or that nobody knows. */
  readonly removed: number;
};

/** System calls under way at once: Node has four threads for them. */
const PARALLEL = 16;

/**
 * What is on disk, told by names alone where the catalog file knows them: no blob is opened. What was half done when the
 * last process ended is undone: a rename is the one moment at which a blob becomes published.
 */
export async function recoverStore(fs: StoreFs, layout: StoreLayout): Promise<RecoveredStore> {
  let removed = 0;
  const remove = async (path: string) => {
    removed += 1;
    // On a disk that can only be read it stays; it is of no harm.
    await removeFile(fs, path).catch(() => {});
  };
  await removeFile(fs, `${layout.catalog}.tmp`).catch(() => {});
  await removeFile(fs, layout.probe).catch(() => {});

  const found = new Map<Digest, string>();
  const spools = new Map<Digest, string[]>();
  for (const algorithm of ALGORITHMS) {
    const shards = await list(fs, layout.blobs(algorithm));
    await inParallel(shards, async (shard) => {
      const directory = join(layout.blobs(algorithm), shard.name);
      if (!shard.isDirectory()) {
        await remove(directory);
        return;
      }
      for (const file of await list(fs, directory)) {
        const path = join(directory, file.name);
        const digest = file.isFile() ? digestOfBlob(path) : undefined;
        if (digest === undefined) await remove(path);
        else found.set(digest, path);
      }
    });
    for (const file of await list(fs, layout.partials(algorithm))) {
      const path = join(layout.partials(algorithm), file.name);
      const digest = file.isFile() ? digestOfPartial(path) : undefined;
      if (digest === undefined) await remove(path);
      else spools.set(digest, [...(spools.get(digest) ?? []), path]);
    }
  }

  const blobs = await listBlobs(fs, layout, found);
  const partials: LeftPartial[] = [];
  await inParallel([...spools], async ([digest, paths]) => {
    // One file of two, or one that was published: the end of a life was not reached.
    if (paths.length < 2 || found.has(digest)) {
      for (const path of paths) await remove(path);
      return;
    }
    const { blocks, mtimeMs } = await fs.stat(layout.partial(digest).data);
    partials.push({ digest, bytes: blocks * BLOCK_BYTES, lastUsedAt: Math.floor(mtimeMs) });
  });
  return { blobs, partials: partials.toSorted((a, b) => a.lastUsedAt - b.lastUsedAt), removed };
}

/** POSIX: what `st_blocks` counts. */
const BLOCK_BYTES = 512;

async function listBlobs(
  fs: StoreFs,
  layout: StoreLayout,
  found: Map<Digest, string>,
): Promise<StoreEntry[]> {
  // By digest: a file that names one twice counts its bytes once.
  const known = new Map<Digest, StoreEntry>();
  for (const entry of (await readCatalog(fs, layout.catalog)) ?? []) known.set(entry.digest, entry);
  const blobs = [...known.values()].filter(({ digest }) => found.has(digest));
  const unknown = new Map(found);
  for (const digest of known.keys()) unknown.delete(digest);
  if (unknown.size === 0) return blobs;
  await inParallel([...unknown], async ([digest, path]) => {
    const { size, mtimeMs } = await fs.stat(path);
    const at = Math.floor(mtimeMs);
    blobs.push({ digest, bytes: size, publishedAt: at, lastUsedAt: at });
  });
  return blobs.toSorted((a, b) => a.lastUsedAt - b.lastUsedAt);
}

/** Links are neither files nor directories: the store makes none, and what they lead to is not its own. */
async function list(fs: StoreFs, directory: string): Promise<DirectoryEntry[]> {
  try {
    return await fs.list(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function inParallel<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const item of rest) await act(item);
    }),
  );
}

/** Makes the store's own directories, for its user alone. */
export async function makeDirectories(fs: StoreFs, layout: StoreLayout): Promise<void> {
  for (const algorithm of ALGORITHMS) {
    for (const directory of [layout.blobs(algorithm), layout.partials(algorithm)]) {
      await fs.mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    }
  }
}
