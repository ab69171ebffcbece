import type { SpoolFile } from '../../../../src/blob/fill/spool-file.ts';
import type { BlobStore, PartialBlob, StoredBlob } from '../../../../src/cache/blob-store.ts';

/** A store of one blob in memory: each operation takes a turn of the event loop, and a spool is given back when it is told so. */
export type MemorySpool = Pick<BlobStore, 'open' | 'openPartial'> & {
  openFile(path: string): Promise<SpoolFile>;
  /** Operations that are under way, those left out that wait to be told. */
  readonly busy: number;
  /** Owners of the spool now; and as many as there ever were at once. */
  readonly owners: number;
  readonly mostOwners: number;
  /** A spool waits to be given back. */
  readonly isEnding: boolean;
  /** Readers' files that are open. */
  readonly files: number;
  /** What was published. */
  readonly published: Buffer | undefined;
  giveBack(): void;
  /** From now on nothing waits to be told. */
  release(): void;
};

export function createMemorySpool(length: number, pieceBytes: number): MemorySpool {
  const bytes = Buffer.alloc(length);
  const complete = new Set<number>();
  const pieceCount = Math.ceil(length / pieceBytes);
  let published: Buffer | undefined;
  const count = { busy: 0, owners: 0, mostOwners: 0, files: 0 };
  let isReleased = false;
  let ending: (() => void)[] = [];

  async function operation<Value>(act: () => Value): Promise<Value> {
    count.busy += 1;
    await new Promise(setImmediate);
    count.busy -= 1;
    return act();
  }

  const copy = (from: Buffer, position: number, into: Uint8Array): number =>
    from.copy(into, 0, position, Math.min(from.length, position + into.length));

  function ended(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        count.owners -= 1;
        resolve();
      };
      if (isReleased) end();
      else ending.push(end);
    });
  }

  function storedBlob(content: Buffer): StoredBlob {
    return {
      length,
      path: '/blob',
      read: (position, into) => operation(() => copy(content, position, into)),
      close: () => undefined,
    };
  }

  function openedPartial(digest: PartialBlob['digest']): PartialBlob {
    return {
      digest,
      length,
      pieceBytes,
      pieceCount,
      path: '/spool',
      has: (piece) => operation(() => complete.has(piece)),
      write: (position, chunk) => operation(() => bytes.set(chunk, position)),
      complete: (piece) => operation(() => void complete.add(piece)),
      read: (position, into) => operation(() => copy(bytes, position, into)),
      publish: () =>
        operation(() => {
          count.owners -= 1;
          published = Buffer.from(bytes);
          return storedBlob(published);
        }),
      async discard() {
        await ended();
        complete.clear();
      },
      close: ended,
    };
  }

  return {
    open: () => operation(() => published && storedBlob(published)),
    openPartial: (digest) =>
      operation(() => {
        count.owners += 1;
        count.mostOwners = Math.max(count.mostOwners, count.owners);
        return openedPartial(digest);
      }),
    openFile: (path) =>
      operation(() => {
        if (path === '/spool' && published !== undefined) throw new Error('it has another name now');
        count.files += 1;
        return {
          read(buffer, position, done) {
            count.busy += 1;
            setImmediate(() => {
              count.busy -= 1;
              done(null, copy(bytes, position, buffer));
            });
          },
          close() {
            count.files -= 1;
          },
        };
      }),
    get busy() {
      return count.busy;
    },
    get owners() {
      return count.owners;
    },
    get mostOwners() {
      return count.mostOwners;
    },
    get files() {
      return count.files;
    },
    get isEnding() {
      return ending.length > 0;
    },
    get published() {
      return published;
    },
    giveBack() {
      for (const end of ending.splice(0)) end();
    },
    release() {
      isReleased = true;
      for (const end of ending.splice(0)) end();
    },
  };
}
