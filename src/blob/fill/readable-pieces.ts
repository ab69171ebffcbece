/** What a reader has been told of the pieces: all it knows of the fill. */
export type Readable = {
  add(piece: number): void;
  progress(piece: number, bytes: number): void;
  /** Position before which everything from `position` on can be read. */
  end(position: number): number;
};

/** @param have 1 for each piece that is there; kept and changed */
export function createReadable(have: Uint8Array, pieceBytes: number, length: number): Readable {
  // Of the piece that the reader is in: the owner tells of no other's beginning.
  let current = { piece: -1, bytes: 0 };
  return {
    add(piece) {
      have[piece] = 1;
    },
    progress(piece, bytes) {
      if (piece !== current.piece || bytes > current.bytes) current = { piece, bytes };
    },
    end(position) {
      let piece = Math.floor(position / pieceBytes);
      // A read never goes far; two pieces are enough to know.
      const last = Math.min(have.length, piece + 2);
      while (piece < last && have[piece] === 1) piece += 1;
      if (piece >= have.length) return length;
      const begun = piece === current.piece ? current.bytes : 0;
      return Math.max(position, piece * pieceBytes + begun);
    },
  };
}
