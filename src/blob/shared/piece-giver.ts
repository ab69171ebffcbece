import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { SharedNames } from './shared-names.ts';
import { LENGTH, MAX_NOTED_PIECES, type SharedRecord } from './shared-record.ts';

/** Gives the pieces of a fill to the store, as they land and when all have, where other replicas want them. */
export type PieceGiver = {
  /** Pieces of this one, from now on, as they land. */
  begin(from: PieceSource): void;
  /** It is read from no more. */
  pause(): void;
  /** All of them are to be read here. */
  goOn(from: PieceSource): void;
  landed(index: number): void;
  /** Gives what has not been given. */
  give(): void;
  /** What was given is wrong: nobody is told of it any more, also of what is still on its way. */
  disown(): Promise<void>;
  /** Whether there is anything to remove. */
  readonly hasGiven: boolean;
  removeAll(): Promise<void>;
};

export type PieceSource = {
  readonly length: number;
  /** Bytes read; 0 at the end. */
  read(position: number, buffer: Uint8Array): Promise<number>;
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
/** Notes that are made at a time. */
const NOTES = 100;

export function createPieceGiver(deps: PieceGiverDeps): PieceGiver {
  const { objects, record, names, pieceBytes, isAsked, signal } = deps;
  let source: PieceSource | undefined;
  /** What the present fill works on, read from or not. */
  let begun: PieceSource | undefined;
  /** Complete pieces that the store has not. */
  const landed: number[] = [];
  /** Pieces that others are told of. */
  const noted = new Set<number>();
  const givingNow = new Set<number>();
  /** Pieces that may be in the store. */
  const given = new Set<number>();
  let disowned: PieceSource | undefined;

  function give(): void {
    const from = source;
    if (from === undefined) return;
    while (givingNow.size < UPLOADS && isAsked()) {
      const index = landed.shift();
      if (index === undefined) return;
      givingNow.add(index);
      void giveOne(from, index).finally(() => {
        givingNow.delete(index);
        give();
      });
    }
  }

  /** A piece that does not get there is fetched by who wants it. */
  async function giveOne(from: PieceSource, index: number): Promise<void> {
    try {
      const bytes = await readPiece(from, index);
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
      if (disowned === from) return;
      await record.note(String(index), record.noteOf(index, from.length, bytes));
      noted.add(index);
    } catch {
      // Counted and said by the store. Or the fill has ended meanwhile: then it is read elsewhere.
      if (source !== from) landed.unshift(index);
    }
  }

  async function readPiece(from: PieceSource, index: number): Promise<Buffer> {
    const start = index * pieceBytes;
    const bytes = Buffer.allocUnsafe(Math.min(pieceBytes, from.length - start));
    for (let done = 0; done < bytes.length; ) {
      const read = await from.read(start + done, bytes.subarray(done));
      if (read === 0) throw new Error('a piece is shorter than it was');
      done += read;
    }
    return bytes;
  }

  return {
    begin(from) {
      source = from;
      begun = from;
      landed.length = 0;
      noted.clear();
    },
    pause() {
      source = undefined;
    },
    goOn(from) {
      source = from;
      landed.length = 0;
      for (let index = 0; index * pieceBytes < from.length && index < MAX_NOTED_PIECES; index += 1) {
        if (!noted.has(index) && !givingNow.has(index)) landed.push(index);
      }
      give();
    },
    landed(index) {
      if (index < MAX_NOTED_PIECES) landed.push(index);
      give();
    },
    give,
    async disown() {
      disowned = begun;
      // One by one: what others have given stays, and a record without a length would have one again with their next piece.
      const indexes = [...given];
      for (let at = 0; at < indexes.length; at += NOTES) {
        await Promise.all(indexes.slice(at, at + NOTES).map((index) => record.note(String(index), '')));
      }
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
