import type { PartialBlob } from '../../cache/blob-store.ts';
import type { PieceTable } from './piece-table.ts';

/** What an earlier fill has left of the blob, which is worth a look before it is fetched: a piece at a time. */
export type KeptPieces = {
  /** Resolves when it is known whether the piece is there; it is `checking` until then. */
  look(piece: number): Promise<void>;
  /** Resolves when that is known of every piece. */
  lookAtAll(): Promise<void>;
  /** Nothing is told from now on; resolves when no look is under way. */
  stop(): Promise<void>;
};

/** @param found the piece is there */
export function createKeptPieces(
  partial: Pick<PartialBlob, 'has'>,
  pieces: PieceTable,
  found: (piece: number) => void,
): KeptPieces {
  const looks = new Map<number, Promise<void>>();
  let hasStopped = false;

  function looked(piece: number, isThere: boolean): void {
    looks.delete(piece);
    if (hasStopped) return;
    if (!isThere) {
      pieces.set(piece, 'missing');
      return;
    }
    pieces.land(piece);
    found(piece);
  }

  function look(piece: number): Promise<void> {
    pieces.set(piece, 'checking');
    const running = partial.has(piece).then(
      (isThere) => looked(piece, isThere),
      () => looked(piece, false),
    );
    looks.set(piece, running);
    return running;
  }

  return {
    look,
    async lookAtAll() {
      for (let piece = 0; piece < pieces.count; piece += 1) {
        if (hasStopped) return;
        if (pieces.state(piece) === 'unknown') await look(piece);
      }
      await Promise.all(looks.values());
    },
    async stop() {
      hasStopped = true;
      await Promise.all(looks.values());
    },
  };
}
