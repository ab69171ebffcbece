import { join } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import { errorCode } from '../system/error-code.ts';
import { readCatalog } from './catalog-file.ts';
import type { LeftPartial } from './partial-shelf.ts';
import type { CatalogEntry } from './store-catalog.ts';
import { type DirectoryEntry, removeFile, type StoreFs } from './store-fs.ts';
import {
  ALGORITHMS,
  DIRECTORY_MODE,
  digestOfBlob,
  digestOfPartial,
  SHARD_CHARACTERS,
  type StoreLayout,
} from './store-layout.ts';

export type RecoveredStore = {
  /** By digest, least recently used first; the receiver's own. */
  readonly blobs: Map<string, CatalogEntry>;
  readonly partials: readonly LeftPartial[];
  /** Files that a crash left behind, or that nobody knows. */
  readonly removed: number;
};

/** In place of `pins`: the catalog file has it, and its own file has not been met. */
const NOT_MET = -1;

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

  // One map, kept for good: with a million blobs, each further one is a tenth of the start.
  const catalog = (await readCatalog(fs, layout.catalog)) ?? [];
  const known = byDigest(catalog);
  const unknown = new Map<Digest, string>();
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
        const isFile = file.isFile();
        // Nothing is made of the name of what is known: there may be a million of them before the first answer.
        const entry = known.get(`${algorithm}:${file.name}`);
        if (entry !== undefined && isFile && isShardOf(shard.name, file.name)) {
          entry.pins = 0;
          continue;
        }
        const path = join(directory, file.name);
        const digest = isFile ? digestOfBlob(path) : undefined;
        if (digest === undefined) await remove(path);
        else unknown.set(digest, path);
      }
    });
    for (const file of await list(fs, layout.partials(algorithm))) {
      const path = join(layout.partials(algorithm), file.name);
      const digest = file.isFile() ? digestOfPartial(path) : undefined;
      if (digest === undefined) await remove(path);
      else spools.set(digest, [...(spools.get(digest) ?? []), path]);
    }
  }

  for (const entry of known.values()) if (entry.pins === NOT_MET) known.delete(entry.digest);
  const blobs = await addUnknown(fs, known, unknown);
  const partials: LeftPartial[] = [];
  await inParallel([...spools], async ([digest, paths]) => {
    // One file of two, or one that was published: the end of a life was not reached.
    if (paths.length < 2 || blobs.has(digest)) {
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

/** A file that names a digest twice counts its bytes once, at the place of its last line. */
function byDigest(catalog: readonly CatalogEntry[]): Map<string, CatalogEntry> {
  const known = new Map<string, CatalogEntry>();
  for (const entry of catalog) {
    entry.pins = NOT_MET;
    known.set(entry.digest, entry);
  }
  if (known.size === catalog.length) return known;
  // Not looked for line by line: it has never been seen in a file that Berth wrote.
  known.clear();
  for (const entry of catalog) {
    known.delete(entry.digest);
    known.set(entry.digest, entry);
  }
  return known;
}

/** Each at the place that its age gives it. */
async function addUnknown(
  fs: StoreFs,
  known: Map<string, CatalogEntry>,
  unknown: ReadonlyMap<Digest, string>,
): Promise<Map<string, CatalogEntry>> {
  if (unknown.size === 0) return known;
  const added: CatalogEntry[] = [];
  await inParallel([...unknown], async ([digest, path]) => {
    const { size, mtimeMs } = await fs.stat(path);
    // Before 1970 is nothing that the catalog file could say.
    const at = Math.max(0, Math.floor(mtimeMs));
    added.push({
      digest,
      bytes: size,
      publishedAt: at,
      lastUsedAt: at,
      pins: 0,
      older: undefined,
      newer: undefined,
    });
  });
  const all = [...known.values(), ...added].toSorted((a, b) => a.lastUsedAt - b.lastUsedAt);
  return new Map(all.map((entry) => [entry.digest, entry]));
}

function isShardOf(shard: string, name: string): boolean {
  return shard.length === SHARD_CHARACTERS && name.startsWith(shard);
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
      await fs.mkdir(directory, { mode: DIRECTORY_MODE });
    }
  }
}
