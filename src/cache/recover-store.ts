import { join } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import { errorCode } from '../system/error-code.ts';
import type { StoreEntry } from './blob-store.ts';
import { type BlobTable, createBlobTable } from './blob-table.ts';
import { readCatalog } from './catalog-file.ts';
import type { LeftPartial } from './partial-shelf.ts';
import { NO_ROW } from './row-order.ts';
import { removeFile, type StoreFs } from './store-fs.ts';
import {
  ALGORITHMS,
  DIRECTORY_MODE,
  digestOfBlob,
  digestOfPartial,
  SHARD_CHARACTERS,
  type StoreLayout,
} from './store-layout.ts';

export type RecoveredStore = {
  /** The receiver's own. */
  readonly blobs: BlobTable;
  readonly partials: readonly LeftPartial[];
  /** Files that a crash left behind, or that nobody knows. */
  readonly removed: number;
};

/** Directories at once: Node has four threads for them, and what the thousands of names of one take is held until it was looked at. */
const LISTINGS = 4;
/** Files looked at once: a thread is not to wait for its next one. */
const LOOKS = 16;

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

  const blobs = (await readCatalog(fs, layout.catalog)) ?? createBlobTable();
  /** By row: its file is there. */
  const met = new Uint8Array(blobs.rows);
  const unknown: { readonly path: string; readonly digest: Digest | undefined }[] = [];
  const added: StoreEntry[] = [];
  const spools = new Map<Digest, string[]>();
  for (const algorithm of ALGORITHMS) {
    await inParallel(LISTINGS, await list(fs, layout.blobs(algorithm)), async (shard) => {
      const directory = join(layout.blobs(algorithm), shard);
      if (!(await look(fs, directory))?.isDirectory()) {
        await remove(directory);
        return;
      }
      const isNamed = shard.length === SHARD_CHARACTERS;
      for (const name of await list(fs, directory)) {
        // Nothing is made or asked of the name of what is known: there may be a million of them before the first answer.
        const row = isNamed && name.startsWith(shard) ? blobs.findHex(algorithm, name) : NO_ROW;
        if (row !== NO_ROW) met[row] = 1;
        else {
          const path = join(directory, name);
          unknown.push({ path, digest: digestOfBlob(path) });
        }
      }
    });
    for (const name of await list(fs, layout.partials(algorithm))) {
      const path = join(layout.partials(algorithm), name);
      const digest = (await look(fs, path))?.isFile() ? digestOfPartial(path) : undefined;
      if (digest === undefined) await remove(path);
      else spools.set(digest, [...(spools.get(digest) ?? []), path]);
    }
  }

  for (const [row, isMet] of met.entries()) if (isMet === 0 && blobs.has(row)) blobs.remove(row);
  // Nothing but looks is done here: the threads would have to wait for it.
  await inParallel(LOOKS, unknown, async ({ path, digest }) => {
    const file = await look(fs, path);
    if (digest === undefined || !file?.isFile()) return remove(path);
    // Before 1970 is nothing that the catalog file could say.
    const at = Math.max(0, Math.floor(file.mtimeMs));
    added.push({ digest, bytes: file.size, publishedAt: at, lastUsedAt: at });
  });
  for (const entry of added) blobs.add(entry);
  if (added.length > 0) blobs.sortByUse();
  const partials: LeftPartial[] = [];
  await inParallel(LOOKS, [...spools], async ([digest, paths]) => {
    const data = await look(fs, layout.partial(digest).data);
    // One file of two, or one that was published: the end of a life was not reached.
    if (data === undefined || paths.length < 2 || blobs.find(digest) !== NO_ROW) {
      for (const path of paths) await remove(path);
      return;
    }
    partials.push({ digest, bytes: data.blocks * BLOCK_BYTES, lastUsedAt: Math.floor(data.mtimeMs) });
  });
  return { blobs, partials: partials.toSorted((a, b) => a.lastUsedAt - b.lastUsedAt), removed };
}

/** POSIX: what `st_blocks` counts. */
const BLOCK_BYTES = 512;

async function list(fs: StoreFs, directory: string): Promise<string[]> {
  try {
    return await fs.list(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined where somebody has taken it away since it was listed, or its name is no UTF-8: neither is a reason to refuse the start. */
async function look(fs: StoreFs, path: string): Promise<Awaited<ReturnType<StoreFs['stat']>> | undefined> {
  try {
    return await fs.stat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function inParallel<Item>(
  count: number,
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: count }, async () => {
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
