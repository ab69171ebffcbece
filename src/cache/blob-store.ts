import type { Digest } from '../oci/digest.ts';
import type { ReadsNow } from './memory-reads.ts';

/**
 * Blobs by digest. What is published is whole and was verified then; what is partial says piece by piece what is there.
 * Whether a caller may have a blob is not decided here.
 */
export type BlobStore = {
  /** A published blob, kept from eviction until it is closed; undefined where there is none. */
  open(digest: Digest): Promise<StoredBlob | undefined>;
  /**
   * What an earlier fill of the same scope left of a blob, or an empty partial of this length: bytes that nobody has
   * verified are the word of whoever sent them, and of use only to who trusts the same. One owner at a time. Undefined where the
   * store can not take it now (no room, read-only, closing): the caller streams instead.
   */
  openPartial(digest: Digest, length: number, scope: string): Promise<PartialBlob | undefined>;
  /** Every published blob, in no order. */
  list(): AsyncIterable<StoreEntry>;
  /** `in_use`: somebody reads it now; it stays. */
  remove(digest: Digest): Promise<'removed' | 'in_use' | 'absent'>;
  /** Hashes a published blob again; a wrong one is removed. */
  verify(digest: Digest, signal: AbortSignal): Promise<'ok' | 'removed' | 'absent'>;
  /**
   * Evicts down to the limits, and partials that nobody has touched for long. Returns the bytes freed.
   * @throws StoreFailure where the limits can not be kept
   */
  collect(): Promise<number>;
  readonly usage: StoreUsage;
  close(): Promise<void>;
};

export type StoreEntry = {
  readonly digest: Digest;
  readonly bytes: number;
  /** Unix milliseconds. */
  readonly lastUsedAt: number;
  readonly publishedAt: number;
};

export type StoreUsage = {
  readonly bytes: number;
  readonly entries: number;
  readonly partialBytes: number;
  readonly partials: number;
  /** Why nothing is written now; undefined: all is well. */
  readonly degraded: 'no_room' | 'read_only' | 'io_error' | undefined;
};

export type StoredBlob = {
  readonly length: number;
  /** For `fs.open`-free reads by others: the path of the data, valid until `close`. */
  readonly path: string;
  /** Reads into `buffer`, as much as fits or is left; 0 at the end. Positions are absolute. */
  read(position: number, buffer: Uint8Array): Promise<number>;
  /** Of what is in memory; undefined: nothing is read at once. */
  readonly now?: ReadsNow | undefined;
  close(): void;
};

export type PartialBlob = {
  readonly digest: Digest;
  readonly length: number;
  /** Bytes of one piece; the last may be shorter. */
  readonly pieceBytes: number;
  readonly pieceCount: number;
  /** Path of the sparse data file, valid until `publish`, `discard` or `close`; readers open it themselves. */
  readonly path: string;
  /** The piece is complete, and its bytes were found to be what was written (CRC checked on the first look). */
  has(piece: number): Promise<boolean>;
  /** Writes inside one piece. Resolves when a reader of the file sees the bytes. Rejects when the disk fails. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Every byte of the piece has been written: recorded with its CRC, after the data. */
  complete(piece: number): Promise<void>;
  read(position: number, buffer: Uint8Array): Promise<number>;
  /** Makes it a published blob: data synced, then renamed. Only after the digest over every byte was found right. */
  publish(): Promise<StoredBlob>;
  /** Bytes were wrong: nothing of it stays. */
  discard(): Promise<void>;
  /** Leaves it for a later fill. */
  close(): Promise<void>;
};
