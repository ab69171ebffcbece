import type { BlobStore, StoredBlob } from '../cache/blob-store.ts';
import { type RangeSpec, resolveRange } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import type { BlobPlaces } from './blob-opener.ts';
import { createDiskPatience, type DiskPatience } from './disk-patience.ts';
import type { OpenResult } from './open-blob.ts';
import { StoredReader } from './stored-reader.ts';

/**
 * The published blobs of a store as a place to open blobs at. They were verified then and are not hashed again. A disk that
 * fails or hangs is a blob that is not there: the source has it (K10).
 */
export function createStoredBlobs(deps: {
  readonly store: Pick<BlobStore, 'open'>;
  readonly pool: BufferPool;
  readonly log: { warn(facts: object, message: string): void };
  /** With the disk that the store is on; left out: its own. */
  readonly patience?: DiskPatience;
}): NonNullable<BlobPlaces['stored']> {
  const { store, pool, log, patience = createDiskPatience({ log }) } = deps;

  async function find(digest: Digest): Promise<StoredBlob | undefined> {
    try {
      return await store.open(digest);
    } catch (error) {
      log.warn({ err: error, digest }, 'a stored blob could not be opened');
      return undefined;
    }
  }

  async function open(digest: Digest, range: RangeSpec | undefined): Promise<OpenResult | undefined> {
    const blob = await find(digest);
    if (blob === undefined) return undefined;
    try {
      return await openStored(blob, range, pool);
    } catch (error) {
      log.warn({ err: error, digest }, 'a stored blob could not be read');
      return undefined;
    }
  }

  return {
    async open(digest, range, signal) {
      const opened = await patience.wait(() => open(digest, range), cancelLate, signal);
      return opened === 'late' ? undefined : opened;
    },
    async length(digest, signal) {
      const found = await patience.wait(
        () => find(digest),
        (blob) => blob?.close(),
        signal,
      );
      if (found === 'late') return undefined;
      found?.close();
      return found?.length;
    },
  };
}

function cancelLate(opened: OpenResult | undefined): void {
  if (opened?.kind === 'content') opened.cancel();
}

/**
 * A stored blob or one range of it, its first bytes read. Closes the blob, sooner or later.
 *
 * Rejects where the disk fails.
 */
export async function openStored(
  blob: StoredBlob,
  spec: RangeSpec | undefined,
  pool: BufferPool,
): Promise<OpenResult> {
  const completeLength = blob.length;
  const range = spec && resolveRange(spec, completeLength);
  if (spec !== undefined && range === undefined) {
    blob.close();
    return { kind: 'unsatisfiable', completeLength };
  }
  const { firstPos, lastPos } = range ?? { firstPos: 0, lastPos: completeLength - 1 };
  const reader = new StoredReader(blob, pool, firstPos, lastPos + 1);
  await reader.begin();
  return {
    kind: 'content',
    completeLength,
    range,
    length: reader.length,
    verdict: { kind: 'proved' },
    pipe: (sink) => reader.pipe(sink),
    pause: () => reader.pause(),
    resume: () => reader.resume(),
    cancel: () => reader.cancel(),
  };
}
