import type { Digest } from '../oci/digest.ts';

/** A partial that nobody owns now. */
export type LeftPartial = {
  readonly digest: Digest;
  /** That it takes on disk. */
  readonly bytes: number;
  /** Unix milliseconds. */
  readonly lastUsedAt: number;
  /** It was to be removed, which the disk refused; it must not be continued. */
  readonly isWrong?: boolean;
};

/** Partials: those that somebody owns, and those that were left for a later fill, oldest first. */
export type PartialShelf = {
  isOwned(digest: Digest): boolean;
  /** Takes it for one owner; it may come to have `length` bytes. */
  own(digest: Digest, length: number): void;
  /** An owned one holds so many bytes more. */
  grow(digest: Digest, bytes: number): void;
  /** Its owner is done with it. */
  disown(digest: Digest, left: LeftPartial | undefined): void;
  leave(left: LeftPartial): void;
  takeLeft(digest: Digest): LeftPartial | undefined;
  oldestLeft(): LeftPartial | undefined;
  readonly bytes: number;
  readonly size: number;
  /** Bytes that the owned ones may come to have. */
  readonly promisedBytes: number;
};

export function createPartialShelf(): PartialShelf {
  const owned = new Map<Digest, { readonly length: number; bytes: number }>();
  const left = new Map<Digest, LeftPartial>();
  let bytes = 0;
  let promisedBytes = 0;

  function leave(partial: LeftPartial): void {
    left.set(partial.digest, partial);
    bytes += partial.bytes;
  }

  return {
    isOwned: (digest) => owned.has(digest),
    own(digest, length) {
      owned.set(digest, { length, bytes: 0 });
      promisedBytes += length;
    },
    grow(digest, more) {
      const entry = owned.get(digest);
      if (entry === undefined) return;
      entry.bytes += more;
      bytes += more;
    },
    disown(digest, partial) {
      const entry = owned.get(digest);
      if (entry === undefined) return;
      owned.delete(digest);
      promisedBytes -= entry.length;
      bytes -= entry.bytes;
      if (partial !== undefined) leave(partial);
    },
    leave,
    takeLeft(digest) {
      const partial = left.get(digest);
      if (partial === undefined) return undefined;
      left.delete(digest);
      bytes -= partial.bytes;
      return partial;
    },
    oldestLeft: () => left.values().next().value,
    get bytes() {
      return bytes;
    },
    get size() {
      return owned.size + left.size;
    },
    get promisedBytes() {
      return promisedBytes;
    },
  };
}
