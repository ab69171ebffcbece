import { crc32 } from 'node:zlib';

/** The CRC-32 of pieces as their bytes pass, so that a piece which came in order need not be read again. */
export type PieceCrcs = {
  /** Bytes were handed to the disk, `offset` bytes into the piece. */
  add(piece: number, offset: number, bytes: Uint8Array): void;
  /** The CRC-32 where exactly `length` bytes came in order, otherwise undefined; forgets the piece. */
  take(piece: number, length: number): number | undefined;
};

export function createPieceCrcs(): PieceCrcs {
  /** `next` -1: not in order. */
  const running = new Map<number, { next: number; crc: number }>();
  return {
    add(piece, offset, bytes) {
      let state = running.get(piece);
      // From its start again, as after a transfer that broke off.
      if (state === undefined || offset === 0) {
        state = { next: 0, crc: 0 };
        running.set(piece, state);
      }
      if (offset !== state.next) {
        state.next = -1;
        return;
      }
      state.crc = crc32(bytes, state.crc);
      state.next += bytes.length;
    },
    take(piece, length) {
      const state = running.get(piece);
      running.delete(piece);
      return state?.next === length ? state.crc : undefined;
    },
  };
}
