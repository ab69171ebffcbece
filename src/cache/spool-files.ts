import { errorCode } from '../system/error-code.ts';
import {
  formatPieceHeader,
  formatPieceRecord,
  PIECE_HEADER_BYTES,
  PIECE_RECORD_BYTES,
  type PieceIndex,
  parsePieceIndex,
  pieceCount,
} from './piece-index.ts';
import { readFully, writeFully } from './read-fully.ts';
import { type FileHandle, removeFile, type StoreFs } from './store-fs.ts';
import { FILE_MODE } from './store-layout.ts';

/** The open files of a partial. */
export type SpoolFiles = {
  readonly paths: { readonly data: string; readonly pieces: string };
  readonly data: FileHandle;
  /** Undefined for a blob of one piece that nobody has begun before: a record is of use only where it is left complete. */
  readonly pieces: FileHandle | undefined;
  readonly index: PieceIndex;
  /** Where the next record goes. */
  readonly indexEnd: number;
};

/** 4 TiB in pieces of 1 MiB have 48 MiB of records; what is longer was not written by the store. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/**
 * What an earlier fill left, where it is for this length and scope and can be read; otherwise it is removed and empty files take
 * its place. A partial keeps the piece size that it was begun with.
 */
export async function openSpoolFiles(
  fs: StoreFs,
  paths: SpoolFiles['paths'],
  header: Omit<PieceIndex, 'crcs'>,
): Promise<SpoolFiles> {
  try {
    // First: mostly nothing is left, and each look would be a turn of a thread's.
    return await create(fs, paths, header);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const left = await openLeft(fs, paths, header);
  if (left !== undefined) return left;
  await removeFile(fs, paths.data);
  await removeFile(fs, paths.pieces);
  return create(fs, paths, header);
}

/** Makes a partial that has no piece file one that can be continued. */
export async function writePieceFile(fs: StoreFs, path: string, index: PieceIndex): Promise<void> {
  await removeFile(fs, path);
  const file = await fs.open(path, 'wx', FILE_MODE);
  try {
    const records = Array.from(index.crcs, ([piece, crc]) => formatPieceRecord(piece, crc));
    await writeFully(file, Buffer.concat([formatPieceHeader(index), ...records]), 0);
  } finally {
    await file.close();
  }
}

async function openLeft(
  fs: StoreFs,
  paths: SpoolFiles['paths'],
  { length, scope }: Pick<PieceIndex, 'length' | 'scope'>,
): Promise<SpoolFiles | undefined> {
  const pieces = await openExisting(fs, paths.pieces);
  if (pieces === undefined) return undefined;
  const data = await openExisting(fs, paths.data);
  try {
    if (data !== undefined) {
      const { size } = await pieces.stat();
      const index = size > MAX_INDEX_BYTES ? undefined : await readIndex(pieces, size, scope);
      if (index?.length === length && (await data.stat()).size === length) {
        const records = Math.floor((size - PIECE_HEADER_BYTES) / PIECE_RECORD_BYTES);
        return { paths, data, pieces, index, indexEnd: PIECE_HEADER_BYTES + records * PIECE_RECORD_BYTES };
      }
    }
  } catch (error) {
    await Promise.allSettled([pieces.close(), data?.close()]);
    throw error;
  }
  await Promise.allSettled([pieces.close(), data?.close()]);
  return undefined;
}

async function readIndex(file: FileHandle, size: number, scope: string): Promise<PieceIndex | undefined> {
  const content = Buffer.alloc(size);
  return parsePieceIndex(content.subarray(0, await readFully(file, content, 0)), scope);
}

async function openExisting(fs: StoreFs, path: string): Promise<FileHandle | undefined> {
  try {
    return await fs.open(path, 'r+');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws EEXIST where there is one of them already; nothing is made then */
async function create(
  fs: StoreFs,
  paths: SpoolFiles['paths'],
  header: Omit<PieceIndex, 'crcs'>,
): Promise<SpoolFiles> {
  const made: { readonly path: string; readonly file: FileHandle }[] = [];
  // `wx`: a link that somebody put there is not followed.
  const make = async (path: string): Promise<FileHandle> => {
    const file = await fs.open(path, 'wx+', FILE_MODE);
    made.push({ path, file });
    return file;
  };
  try {
    const data = await make(paths.data);
    const index = { ...header, crcs: new Map<number, number>() };
    if (pieceCount(header.length, header.pieceBytes) <= 1) {
      return { paths, data, pieces: undefined, index, indexEnd: 0 };
    }
    await data.truncate(header.length);
    const pieces = await make(paths.pieces);
    await writeFully(pieces, formatPieceHeader(header), 0);
    return { paths, data, pieces, index, indexEnd: PIECE_HEADER_BYTES };
  } catch (error) {
    await Promise.allSettled(made.map(({ file }) => file.close()));
    await Promise.allSettled(made.map(({ path }) => removeFile(fs, path)));
    throw error;
  }
}
