import type { BlobStore, StoredBlob } from '../cache/blob-store.ts';
import { createStoredBlob } from '../cache/create-stored-blob.ts';
import type { MemoryReads, ReadsNow } from '../cache/memory-reads.ts';
import type { FileHandle, StoreFs } from '../cache/store-fs.ts';
import type { Digest } from '../oci/digest.ts';
import type { Link } from './link.ts';
import type { AskPrimary, TellPrimary } from './worker-messages.ts';

/** The primary's published blobs, read with files of this worker's own. */
export type WorkerStore = Pick<BlobStore, 'open'> & {
  /** Nobody new is to find it; who reads it now reads on. */
  removed(digest: Digest): void;
  close(): void;
};

type Entry = {
  readonly opened: Promise<Opened | undefined>;
  readonly openedAt: number;
  readers: number;
  usedAt: number;
  isOver: boolean;
};
type Opened = { readonly blob: StoredBlob };

/** Milliseconds that a file stays open, and its blob pinned, after its last reader: a hot blob costs no question per hit. */
const IDLE_MS = 2000;
/** Milliseconds after which the primary is asked again all the same, so that it knows what is in use. */
const ASK_AGAIN_MS = 60_000;
/** Files that are open although nobody reads them. */
const MAX_IDLE = 256;

export function createWorkerStore(deps: {
  readonly link: Pick<Link<AskPrimary, TellPrimary>, 'call' | 'note'>;
  readonly fs: Pick<StoreFs, 'open'>;
  /** Left out: every read is asynchronous. */
  readonly memoryReads?: MemoryReads;
  /** Milliseconds. */
  readonly now: () => number;
}): WorkerStore {
  const { link, fs, memoryReads, now } = deps;
  const entries = new Map<Digest, Entry>();

  async function openFile(digest: Digest): Promise<Opened | undefined> {
    const found = await link.call('openStored', digest);
    if (found === undefined) return undefined;
    const { pin, path, length } = found;
    const release = (): void => link.note('unpin', pin);
    try {
      const file = await fs.open(path, 'r');
      const readsNow = await findReadsNow(file, path);
      const blob = createStoredBlob(file, {
        length,
        path,
        now: readsNow,
        onDamage() {
          forget(digest);
          link.note('damaged', digest);
        },
        release,
      });
      return { blob };
    } catch (error) {
      release();
      throw error;
    }
  }

  async function findReadsNow(file: FileHandle, path: string): Promise<ReadsNow | undefined> {
    // One that can not be asked is read as always, and its errors are found there.
    const device = await file.stat().then(
      ({ dev }) => dev,
      () => undefined,
    );
    return device === undefined ? undefined : memoryReads?.of(file, path, device);
  }

  function start(digest: Digest): Entry {
    const time = now();
    const entry: Entry = {
      opened: openFile(digest),
      openedAt: time,
      readers: 0,
      usedAt: time,
      isOver: false,
    };
    entries.set(digest, entry);
    void keepIfFound(entry, digest);
    return entry;
  }

  async function keepIfFound(entry: Entry, digest: Digest): Promise<void> {
    const opened = await entry.opened.catch(() => undefined);
    if (opened === undefined) drop(digest, entry);
  }

  /** Not found any more; closed at once, or by its last reader. */
  function drop(digest: Digest, entry: Entry): void {
    entry.isOver = true;
    if (entries.get(digest) === entry) entries.delete(digest);
    closeUnread(entry);
  }

  function forget(digest: Digest): void {
    const entry = entries.get(digest);
    if (entry !== undefined) drop(digest, entry);
  }

  function closeUnread(entry: Entry): void {
    if (!entry.isOver || entry.readers > 0) return;
    entry.opened.then(
      (opened) => opened?.blob.close(),
      () => undefined,
    );
  }

  function sweep(): void {
    let idle = 0;
    // From the one used last: what is beyond the limit is the oldest.
    for (const [digest, entry] of Array.from(entries).toReversed()) {
      if (entry.readers > 0) continue;
      idle += 1;
      if (idle > MAX_IDLE || now() - entry.usedAt >= IDLE_MS) drop(digest, entry);
    }
  }

  const timer = setInterval(sweep, IDLE_MS / 2);
  timer.unref();

  function find(digest: Digest): Entry {
    const known = entries.get(digest);
    if (known === undefined) return start(digest);
    if (now() - known.openedAt >= ASK_AGAIN_MS) {
      drop(digest, known);
      return start(digest);
    }
    entries.delete(digest);
    entries.set(digest, known);
    return known;
  }

  return {
    async open(digest) {
      const entry = find(digest);
      entry.readers += 1;
      let isClosed = false;
      const leave = (): void => {
        if (isClosed) return;
        isClosed = true;
        entry.readers -= 1;
        entry.usedAt = now();
        closeUnread(entry);
      };
      let opened: Opened | undefined;
      try {
        opened = await entry.opened;
      } catch (error) {
        leave();
        throw error;
      }
      if (opened === undefined) {
        leave();
        return undefined;
      }
      const { blob } = opened;
      return {
        length: blob.length,
        path: blob.path,
        read: (position, buffer) => blob.read(position, buffer),
        now: blob.now,
        close: leave,
      };
    },
    removed: forget,
    close() {
      clearInterval(timer);
      for (const [digest, entry] of entries) drop(digest, entry);
    },
  };
}
