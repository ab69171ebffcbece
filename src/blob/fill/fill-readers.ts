import { type RangeSpec, resolveRange } from '../../http/range.ts';
import type { OwnerMessage, OwnerPort, ReaderMessage } from './fill-messages.ts';
import type { LandedChunk } from './fill-port.ts';
import type { PieceTable } from './piece-table.ts';
import type { Demand } from './plan-piece.ts';

/** Where readers read. */
export type Spool = { readonly pieces: PieceTable; readonly path: string; readonly isVerified: boolean };

/** What of its fill the conversation with the readers needs. */
export type FillReadersHost = {
  /** Undefined until it is open. */
  spool(): Spool | undefined;
  hasEnded(): boolean;
  /** Which piece a source that ignores Range has come to; undefined: there is none. */
  leaderPiece(): number | undefined;
  /** Set while the spool is given its published name. */
  publishing(): Promise<void> | undefined;
  /** A reader wants other pieces than before. */
  wanted(): void;
  left(): void;
};

/** The owner's side of the conversation with all readers of a fill. */
export type FillReaders = {
  readonly size: number;
  /** @param statedLength bytes of the blob by the reader's ticket */
  add(port: OwnerPort, statedLength: number | undefined): void;
  /** The spool is open now: whoever has asked before gets an answer. */
  letIn(): void;
  demands(): Demand[];
  /** With the last bytes of what it tells of, where they are in memory. */
  broadcast(message: OwnerMessage, chunk?: LandedChunk): void;
  /** To those whose piece a source that ignores Range has not come to. */
  tellComing(): void;
  /** To those whose first byte is not there yet. True: nobody else is there. */
  refuseWaiting(pieces: PieceTable, message: OwnerMessage): boolean;
  /** To those that are in this piece; the others hear of it when they come to it or it is whole. */
  progress(pieces: PieceTable, piece: number, bytes: number, chunk: LandedChunk | undefined): void;
};

type Reader = {
  readonly port: OwnerPort;
  readonly statedLength: number | undefined;
  range: RangeSpec | undefined;
  hasAsked: boolean;
  /** It has told a position, so it has had all before it. */
  hasBegun: boolean;
  /** Undefined until it has been let in. */
  demand: { position: number; readonly to: number; readonly isOpenEnded: boolean } | undefined;
};

export function createFillReaders(host: FillReadersHost): FillReaders {
  const readers = new Set<Reader>();

  function heard(reader: Reader, message: ReaderMessage): void {
    switch (message.kind) {
      case 'join':
        reader.range = message.range;
        reader.hasAsked = true;
        if (host.hasEnded()) reader.port.post({ kind: 'unavailable' });
        else admit(reader);
        return;
      case 'position':
        if (reader.demand === undefined) return;
        reader.demand.position = message.position;
        reader.hasBegun = true;
        tellProgress(reader, message.position);
        host.wanted();
        return;
      case 'not_opened':
        openAgain(reader, message.path);
        return;
      case 'leave':
        readers.delete(reader);
        reader.port.close();
        host.left();
    }
  }

  function admit(reader: Reader): void {
    const spool = host.spool();
    if (spool === undefined) return;
    const { length } = spool.pieces;
    // Where two lengths are stated, the bytes show which is wrong; until then each has a transfer of its own.
    if (reader.statedLength !== undefined && reader.statedLength !== length) {
      reader.port.post({ kind: 'unavailable' });
      return;
    }
    const demand = resolveDemand(reader.range, length);
    if (demand === undefined) {
      reader.port.post({ kind: 'unsatisfiable', length });
      return;
    }
    reader.demand = demand;
    tellOpened(reader, demand, spool);
    host.wanted();
  }

  function tellOpened(reader: Reader, demand: Demand, { pieces, path, isVerified }: Spool): void {
    reader.port.post({
      kind: 'opened',
      path,
      length: pieces.length,
      pieceBytes: pieces.pieceBytes,
      have: pieces.have(),
      from: demand.position,
      to: demand.to,
      isVerified,
    });
    tellProgress(reader, demand.position);
    tellComing(reader, pieces);
  }

  function tellComing({ port, demand }: Reader, pieces: PieceTable): void {
    const leaderPiece = host.leaderPiece();
    if (demand === undefined || leaderPiece === undefined) return;
    if (pieces.pieceAt(demand.position) > leaderPiece) port.post({ kind: 'coming' });
  }

  function tellProgress(reader: Reader, position: number): void {
    const pieces = host.spool()?.pieces;
    const piece = pieces?.pieceAt(position) ?? 0;
    const bytes = pieces?.landedIn(piece) ?? 0;
    if (bytes > 0) reader.port.post({ kind: 'progress', piece, bytes });
  }

  /** It looked where the spool was before it was published. */
  function openAgain(reader: Reader, path: string): void {
    const publishing = host.publishing();
    if (publishing !== undefined) {
      void publishing.then(() => openAgain(reader, path));
      return;
    }
    const spool = host.spool();
    if (spool !== undefined && spool.path !== path && reader.demand !== undefined && !host.hasEnded()) {
      tellOpened(reader, reader.demand, spool);
    } else reader.port.post({ kind: 'broken', message: 'the spool of the blob can not be opened' });
  }

  return {
    get size() {
      return readers.size;
    },
    add(port, statedLength) {
      const reader: Reader = {
        port,
        statedLength,
        range: undefined,
        hasAsked: false,
        hasBegun: false,
        demand: undefined,
      };
      readers.add(reader);
      port.listen((message) => heard(reader, message));
    },
    letIn() {
      for (const reader of readers) if (reader.hasAsked && reader.demand === undefined) admit(reader);
    },
    demands: () => Array.from(readers).flatMap(({ demand }) => (demand === undefined ? [] : [demand])),
    broadcast(message, chunk) {
      for (const { port } of readers) port.post(message, chunk);
    },
    tellComing() {
      const pieces = host.spool()?.pieces;
      if (pieces !== undefined) for (const reader of readers) tellComing(reader, pieces);
    },
    refuseWaiting(pieces, message) {
      let isEverybody = true;
      for (const { port, demand, hasBegun } of readers) {
        if (hasBegun || demand === undefined || pieces.contiguousEnd(demand.position) > demand.position) {
          isEverybody = false;
        } else port.post(message);
      }
      return isEverybody;
    },
    progress(pieces, piece, bytes, chunk) {
      for (const { port, demand } of readers) {
        if (demand !== undefined && pieces.pieceAt(demand.position) === piece) {
          port.post({ kind: 'progress', piece, bytes }, chunk);
        }
      }
    },
  };
}

/** What the reader will get of a blob of this length: undefined where its range has no byte of it. */
function resolveDemand(
  range: RangeSpec | undefined,
  length: number,
): { position: number; to: number; isOpenEnded: boolean } | undefined {
  if (range === undefined) return { position: 0, to: length, isOpenEnded: false };
  const resolved = resolveRange(range, length);
  if (resolved === undefined) return undefined;
  const isOpenEnded = range.kind === 'int' && range.lastPos === undefined;
  return { position: resolved.firstPos, to: resolved.lastPos + 1, isOpenEnded };
}
