import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Which pieces of a partial are complete, as the index file has it. */
export type PieceIndex = {
  readonly length: number;
  readonly pieceBytes: number;
  /** Whose sources the pieces came from. */
  readonly scope: string;
  /** CRC-32 of each complete piece's bytes. */
  readonly crcs: ReadonlyMap<number, number>;
};

const MAGIC = Buffer.from('BERTHPC2');
/** Magic, length, bytes of a piece, hash of the scope, CRC-32 of these. */
export const PIECE_HEADER_BYTES = 40;
const CRC_AT = 36;
/** Bytes of the hash that stands for a scope: nobody gains by finding a name with the same one, but for a registry's own. */
const SCOPE_BYTES = 16;
/** Piece, its CRC-32, CRC-32 of these two. */
export const PIECE_RECORD_BYTES = 12;

export function formatPieceHeader({ length, pieceBytes, scope }: Omit<PieceIndex, 'crcs'>): Buffer {
  const header = Buffer.alloc(PIECE_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(BigInt(length), 8);
  header.writeUInt32BE(pieceBytes, 16);
  hashScope(scope).copy(header, 20);
  header.writeUInt32BE(crc32(header.subarray(0, CRC_AT)), CRC_AT);
  return header;
}

function hashScope(scope: string): Buffer {
  return createHash('sha256').update(scope).digest().subarray(0, SCOPE_BYTES);
}

export function formatPieceRecord(piece: number, crc: number): Buffer {
  const record = Buffer.alloc(PIECE_RECORD_BYTES);
  record.writeUInt32BE(piece, 0);
  record.writeUInt32BE(crc, 4);
  record.writeUInt32BE(crc32(record.subarray(0, 8)), 8);
  return record;
}

/**
 * Each record stands for itself, so one that was torn by a crash costs its piece and no other. Of two for one piece the
 * later counts. Undefined where the header is not one, or of another scope.
 */
export function parsePieceIndex(content: Buffer, scope: string): PieceIndex | undefined {
  if (content.length < PIECE_HEADER_BYTES || !content.subarray(0, 8).equals(MAGIC)) return undefined;
  if (content.readUInt32BE(CRC_AT) !== crc32(content.subarray(0, CRC_AT))) return undefined;
  if (!content.subarray(20, CRC_AT).equals(hashScope(scope))) return undefined;
  const length = Number(content.readBigUInt64BE(8));
  const pieceBytes = content.readUInt32BE(16);
  if (!Number.isSafeInteger(length) || pieceBytes === 0) return undefined;
  const count = pieceCount(length, pieceBytes);
  const crcs = new Map<number, number>();
  const end = content.length - PIECE_RECORD_BYTES;
  for (let at = PIECE_HEADER_BYTES; at <= end; at += PIECE_RECORD_BYTES) {
    const piece = content.readUInt32BE(at);
    if (content.readUInt32BE(at + 8) === crc32(content.subarray(at, at + 8)) && piece < count) {
      crcs.set(piece, content.readUInt32BE(at + 4));
    }
  }
  return { length, pieceBytes, scope, crcs };
}

export function pieceCount(length: number, pieceBytes: number): number {
  return Math.ceil(length / pieceBytes);
}

/** Bytes of one piece: the last may be shorter. */
export function pieceLength(piece: number, { length, pieceBytes }: Omit<PieceIndex, 'crcs'>): number {
  return Math.min(pieceBytes, length - piece * pieceBytes);
}
