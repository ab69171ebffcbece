import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Digest } from '../oci/digest.ts';
import { errorCode } from '../system/error-code.ts';
import type { PartialBlob, StoredBlob } from './blob-store.ts';
import { createPieceCrcs } from './piece-crc.ts';
import { formatPieceRecord, PIECE_RECORD_BYTES, pieceCount, pieceLength } from './piece-index.ts';
import { readFully, writeFully } from './read-fully.ts';
import { type SpoolFiles, writePieceFile } from './spool-files.ts';
import { classifyStoreFailure, StoreFailure } from './store-failure.ts';
import { type FileHandle, removeFile, type StoreFs, syncDirectory } from './store-fs.ts';
import { DIRECTORY_MODE } from './store-layout.ts';

export type PartialBlobDeps = {
  readonly fs: StoreFs;
  readonly digest: Digest;
  readonly files: SpoolFiles;
  /** Where it goes when it is published; its directory is made where it is missing. */
  readonly target: string;
  /** It comes to hold so many bytes more on disk: those of each piece that is begun, and what an earlier fill left. */
  onAllocated(bytes: number): void;
  /** The disk failed. */
  onFailure(failure: StoreFailure): void;
  /** It is published, and the handle is the store's now. */
  onPublished(handle: FileHandle): StoredBlob;
  /** Nothing of it is left, or so many bytes: for a later fill, or because the disk did not let go of what is wrong. */
  onEnded(left: { readonly bytes: number; readonly isWrong: boolean } | undefined): void;
};

/** What the index says is taken on trust only after a first look: data may have been lost where its record was not. */
const MISSING = 0;
const RECORDED = 1;
const PRESENT = 2;

export function createPartialBlob(deps: PartialBlobDeps): PartialBlob {
  const { fs, digest, files } = deps;
  const { data, pieces, paths } = files;
  const { length, pieceBytes, crcs } = files.index;
  const count = pieceCount(length, pieceBytes);
  const states = new Uint8Array(count);
  for (const piece of crcs.keys()) states[piece] = RECORDED;
  /** Pieces that hold bytes on disk, complete or not. */
  const allocated = Uint8Array.from(states, (state) => (state === MISSING ? 0 : 1));
  const looks = new Map<number, Promise<boolean>>();
  const running = createPieceCrcs();
  /** A write of theirs failed: they are complete only when they have been written from their start again. */
  const broken = new Set<number>();
  let indexEnd = files.indexEnd;
  let ended = false;
  let publishing: Promise<StoredBlob> | undefined;

  const lengthOf = (piece: number) => pieceLength(piece, files.index);
  if (crcs.size > 0) deps.onAllocated(allocatedBytes());

  function mustBeOpen(): void {
    if (ended) throw new StoreFailure('closed', 'the partial blob is closed');
  }

  /** Every use of the disk: refused after the end, failures in the store's own words. */
  async function onDisk<Result>(act: () => Promise<Result>): Promise<Result> {
    mustBeOpen();
    try {
      return await act();
    } catch (error) {
      const failure = classifyStoreFailure(error);
      deps.onFailure(failure);
      throw failure;
    }
  }

  async function crcOnDisk(piece: number): Promise<number | undefined> {
    const buffer = Buffer.allocUnsafe(Math.min(lengthOf(piece), READ_BYTES));
    let crc = 0;
    for (let done = 0; done < lengthOf(piece); ) {
      const part = buffer.subarray(0, Math.min(buffer.length, lengthOf(piece) - done));
      if ((await readFully(data, part, piece * pieceBytes + done)) < part.length) return undefined;
      crc = crc32(part, crc);
      done += part.length;
    }
    return crc;
  }

  async function look(piece: number): Promise<boolean> {
    // Unreadable is as good as lost: it is fetched again.
    const found = await crcOnDisk(piece).catch(() => undefined);
    const intact = found !== undefined && found === crcs.get(piece);
    if (states[piece] === RECORDED) states[piece] = intact ? PRESENT : MISSING;
    return states[piece] === PRESENT;
  }

  async function has(piece: number): Promise<boolean> {
    if (states[piece] !== RECORDED) return states[piece] === PRESENT;
    let answer = looks.get(piece);
    if (answer === undefined) {
      answer = look(piece).finally(() => looks.delete(piece));
      looks.set(piece, answer);
    }
    return answer;
  }

  async function write(position: number, bytes: Uint8Array): Promise<void> {
    mustBeOpen();
    const piece = Math.floor(position / pieceBytes);
    const offset = position - piece * pieceBytes;
    if (position < 0 || piece >= count || offset + bytes.length > lengthOf(piece)) {
      throw new RangeError(`${bytes.length} bytes at ${position} are not inside one piece`);
    }
    // In the order of the calls; whoever writes a piece again takes back what was said of it.
    if (pieces !== undefined) running.add(piece, offset, bytes);
    if (offset === 0) broken.delete(piece);
    states[piece] = MISSING;
    if (allocated[piece] === 0) {
      allocated[piece] = 1;
      deps.onAllocated(lengthOf(piece));
    }
    try {
      await onDisk(() => writeFully(data, bytes, position));
    } catch (error) {
      broken.add(piece);
      throw error;
    }
  }

  async function complete(piece: number): Promise<void> {
    if (piece < 0 || piece >= count) throw new RangeError(`there is no piece ${piece}`);
    if (states[piece] === PRESENT) return;
    await onDisk(async () => {
      if (broken.has(piece)) throw new StoreFailure('io_error', 'a write of this piece has failed');
      if (pieces === undefined) {
        // The blob is whole: it is published next, or left (`leave`).
        states[piece] = PRESENT;
        return;
      }
      const crc = running.take(piece, lengthOf(piece)) ?? (await crcOnDisk(piece));
      if (crc === undefined) throw new StoreFailure('io_error', 'a piece of the cache is not on its disk');
      const at = indexEnd;
      indexEnd += PIECE_RECORD_BYTES;
      await writeFully(pieces, formatPieceRecord(piece, crc), at);
      states[piece] = PRESENT;
    });
  }

  function publish(): Promise<StoredBlob> {
    publishing ??= publishNow().finally(() => {
      publishing = undefined;
    });
    return publishing;
  }

  async function publishNow(): Promise<StoredBlob> {
    mustBeOpen();
    for (let piece = 0; piece < count; piece += 1) {
      if (!(await has(piece))) throw new RangeError(`piece ${piece} is not complete`);
    }
    await onDisk(async () => {
      await data.datasync();
      await giveName();
      await syncDirectory(fs, dirname(deps.target)).catch(async (error: unknown) => {
        await removeFile(fs, deps.target).catch(() => {});
        throw error;
      });
    });
    ended = true;
    const blob = deps.onPublished(data);
    // What is left of it here is removed at the next start.
    await pieces?.close().catch(() => {});
    if (pieces !== undefined) await removeFile(fs, paths.pieces).catch(() => {});
    deps.onEnded(undefined);
    return blob;
  }

  /** The directory is mostly there: its first blob makes it. */
  async function giveName(): Promise<void> {
    try {
      await fs.rename(paths.data, deps.target);
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    const directory = dirname(deps.target);
    const made = await fs.mkdir(directory, { mode: DIRECTORY_MODE });
    // Also where another fill has just made it: its own name is to be on the disk before one in it is told.
    await syncDirectory(fs, dirname(made ?? directory));
    await fs.rename(paths.data, deps.target);
  }

  async function end(keep: boolean): Promise<void> {
    // The store may close in the middle of it.
    await publishing?.catch(() => {});
    if (ended) return;
    ended = true;
    const isLeft = keep && (pieces !== undefined || (await leave()));
    await Promise.allSettled([data.close(), pieces?.close()]);
    if (isLeft) {
      deps.onEnded({ bytes: allocatedBytes(), isWrong: false });
      return;
    }
    try {
      // Without its pieces, what is left of it is removed at the next start.
      await removeFile(fs, paths.pieces);
      await removeFile(fs, paths.data);
      deps.onEnded(undefined);
    } catch (error) {
      deps.onFailure(classifyStoreFailure(error));
      deps.onEnded({ bytes: allocatedBytes(), isWrong: true });
    }
  }

  /** Without a piece file: the one piece, where it is complete. False: there is nothing to go on with. */
  async function leave(): Promise<boolean> {
    if (states[0] !== PRESENT) return false;
    try {
      const crc = await crcOnDisk(0);
      if (crc === undefined) return false;
      await writePieceFile(fs, paths.pieces, { ...files.index, crcs: new Map([[0, crc]]) });
      return true;
    } catch (error) {
      deps.onFailure(classifyStoreFailure(error));
      return false;
    }
  }

  function allocatedBytes(): number {
    return allocated.reduce((sum, held, piece) => (held === 1 ? sum + lengthOf(piece) : sum), 0);
  }

  return {
    digest,
    length,
    pieceBytes,
    pieceCount: count,
    path: paths.data,
    has,
    write,
    complete,
    read: (position, buffer) => onDisk(() => readFully(data, within(buffer, position, length), position)),
    publish,
    discard: () => end(false),
    close: () => end(true),
  };
}

/** Bytes read at once for a CRC: a slice of the event loop's time, a millisecond at most. */
const READ_BYTES = 1024 * 1024;

function within(buffer: Uint8Array, position: number, length: number): Uint8Array {
  return buffer.subarray(0, Math.max(0, Math.min(buffer.length, length - position)));
}
