import { errorCode } from '../system/error-code.ts';
import {
  formatPieceHeader,
  PIECE_HEADER_BYTES,
  PIECE_RECORD_BYTES,
  type PieceIndex,
  parsePieceIndex,
} from './piece-index.ts';
import { readFully, writeFully } from './read-fully.ts';
import { type FileHandle, removeFile, type StoreFs } from './store-fs.ts';
import { FILE_MODE } from './store-layout.ts';

/** The two open files of a partial. */
export type SpoolFiles = {
  readonly paths: { readonly data: string; readonly pieces: string };
  readonly data: FileHandle;
  readonly pieces: FileHandle;
  readonly index: PieceIndex;
  /** Where the next record goes. */
  readonly indexEnd: number;
};

/** 4 TiB in pieces of 1 MiB have 48 MiB of records; what is longer was not written by the store. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/**
 * What an earlier fill left, where it is for this length and scope and can be read; otherwise it is removed and two empty files take
 * its place. A partial keeps the piece size that it was begun with.
 */
export async function openSpoolFiles(
  fs: StoreFs,
  paths: SpoolFiles['paths'],
  header: Omit<PieceIndex, 'crcs'>,
): Promise<SpoolFiles> {
  return (await openLeft(fs, paths, header)) ?? create(fs, paths, header);
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

async function create(
  fs: StoreFs,
  paths: SpoolFiles['paths'],
  header: Omit<PieceIndex, 'crcs'>,
): Promise<SpoolFiles> {
  // `wx`: a link that somebody put there is not followed.
  await removeFile(fs, paths.data);
  await removeFile(fs, paths.pieces);
  const opened: FileHandle[] = [];
  try {
    const data = await fs.open(paths.data, 'wx+', FILE_MODE);
    opened.push(data);
    await data.truncate(header.length);
    const pieces = await fs.open(paths.pieces, 'wx+', FILE_MODE);
    opened.push(pieces);
    await writeFully(pieces, formatPieceHeader(header), 0);
    return { paths, data, pieces, index: { ...header, crcs: new Map() }, indexEnd: PIECE_HEADER_BYTES };
  } catch (error) {
    await Promise.allSettled(opened.map((file) => file.close()));
    await Promise.allSettled([removeFile(fs, paths.data), removeFile(fs, paths.pieces)]);
    throw error;
  }
}
