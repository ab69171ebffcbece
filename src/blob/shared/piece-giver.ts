import type { PartialBlob } from '../../cache/blob-store.ts';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { SharedNames } from './shared-names.ts';
import { LENGTH, type SharedRecord } from './shared-record.ts';

/** Gives the pieces of a fill to the store as they land, where other replicas want them. */
export type PieceGiver = {
  /** Pieces of this one, from now on. */
  begin(partial: PartialBlob): void;
  landed(index: number): void;
  /** Gives what has not been given. */
  give(): void;
  /** What was given is wrong: a record without a length has no pieces. */
  disown(): Promise<void>;
  /** Whether there is anything to remove. */
  readonly hasGiven: boolean;
  removeAll(): Promise<void>;
};

export type PieceGiverDeps = {
  readonly objects: GuardedStore;
  readonly record: SharedRecord;
  readonly names: SharedNames;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** Whether somebody wants them, and they are this replica's to give. */
  readonly isAsked: () => boolean;
  readonly signal: AbortSignal;
};

/** Pieces that are given to the store at a time; each is held in memory meanwhile. */
const UPLOADS = 3;

export function createPieceGiver(deps: PieceGiverDeps): PieceGiver {
  const { objects, record, names, pieceBytes, isAsked, signal } = deps;
  let partial: PartialBlob | undefined;
  /** Complete pieces that the store has not. */
  const landed: number[] = [];
  const given = new Set<number>();
  let giving = 0;

  function give(): void {
    const from = partial;
    if (from === undefined) return;
    while (giving < UPLOADS && isAsked()) {
      const index = landed.shift();
      if (index === undefined) return;
      giving += 1;
      void giveOne(from, index).finally(() => {
        giving -= 1;
        give();
      });
    }
  }

  /** A piece that does not get there is fetched by who wants it. */
  async function giveOne(from: PartialBlob, index: number): Promise<void> {
    try {
      const bytes = await readPiece(from, index);
      if (bytes === undefined) return;
      const content = {
        length: bytes.length,
        read: (position: number, into: Buffer) => copy(bytes, position, into),
      };
      const name = names.piece(index);
      given.add(index);
      if ((await objects.put(name, content, signal)) === 'exists') {
        // A former owner's, who may have been told something else.
        await objects.remove(name, signal);
        await objects.put(name, content, signal);
      }
      await record.note(LENGTH, String(from.length));
      await record.note(String(index), record.noteOf(index, from.length, bytes));
    } catch {
      // Counted and said by the store; the partial may have ended.
    }
  }

  async function readPiece(from: PartialBlob, index: number): Promise<Buffer | undefined> {
    const start = index * pieceBytes;
    const bytes = Buffer.allocUnsafe(Math.min(pieceBytes, from.length - start));
    for (let done = 0; done < bytes.length; ) {
      const read = await from.read(start + done, bytes.subarray(done));
      if (read === 0) return undefined;
      done += read;
    }
    return bytes;
  }

  return {
    begin(opened) {
      partial = opened;
      landed.length = 0;
    },
    landed(index) {
      landed.push(index);
      give();
    },
    give,
    async disown() {
      if (given.size > 0) await record.note(LENGTH, '0');
    },
    get hasGiven() {
      return given.size > 0;
    },
    async removeAll() {
      const indexes = [...given];
      given.clear();
      for (const index of indexes) await objects.remove(names.piece(index), signal).catch(() => undefined);
    },
  };
}

function copy(from: Buffer, position: number, into: Buffer): Promise<void> {
  from.copy(into, 0, position);
  return Promise.resolve();
}
