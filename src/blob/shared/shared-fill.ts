import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartialBlob } from '../../cache/blob-store.ts';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { ByteRange } from '../../http/range.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { HeldLease, SharedState } from '../../state/shared-state.ts';
import type { StateSeal } from '../../ticket/state-seal.ts';
import type { SharedContent } from './serve-content.ts';
import type { SharedNames } from './shared-names.ts';

export type SharedFillDeps = {
  readonly objects: GuardedStore;
  readonly state: SharedState;
  readonly seal: StateSeal;
  readonly metrics: Pick<Metrics, 'sharedReads'>;
  readonly names: SharedNames;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** Milliseconds, of a clock that does not go back. */
  readonly now: () => number;
};

/**
 * How one blob is brought by several replicas: one of them holds its lease and fetches it from the upstream, and as long as others want it
 * gives each piece to the store as it lands; the others read them there. Pieces are noted in the state with a keyed digest each.
 */
export type SharedFill = {
  /** Where one range of it is to be had, waiting for who is at it. Never rejects but by its signal. */
  find(range: ByteRange, signal: AbortSignal): Promise<SharedContent>;
  /** Its fill works on this; what comes back is to be worked on in its place. */
  watch(partial: PartialBlob, events: SharedFillEvents): PartialBlob;
  /** Whether this replica is to give the whole blob to the store. */
  mayUpload(): Promise<boolean>;
  /** The whole blob is in the store; or could not be brought there. */
  uploaded(isThere: boolean): Promise<void>;
  /** What came from the store was wrong. */
  distrust(): void;
  /** Resolves when the lease is let go of. */
  close(): Promise<void>;
};

export type SharedFillEvents = {
  readonly published: () => void;
  /** What came from the store was wrong. */
  readonly wrong: () => void;
};

/** Milliseconds that a replica which dies keeps others waiting. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;
/** Milliseconds between two looks at what others have brought. */
const POLL_MS = 100;
/** Milliseconds without a new piece, and until the first byte in any case: containerd gives up after 30 s. */
const STALL_MS = 5_000;
const FIRST_BYTE_MS = 15_000;
/** Milliseconds that a blob which was not in the store is not looked for again. */
const ABSENT_MS = 2_000;
/** Milliseconds that the record of pieces outlives the last note. */
const RECORD_MS = 300_000;
/** Milliseconds that pieces stay when the whole is there: somebody may be reading one. */
const GRACE_MS = 20_000;
/** Pieces that are given to the store at a time; each is held in memory meanwhile. */
const UPLOADS = 3;
/** Bytes of a piece above which pieces are not shared: too much to hold. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;

const WANTED = 'wanted';
const WHOLE = 'whole';
const LENGTH = 'length';

export function createSharedFill(deps: SharedFillDeps): SharedFill {
  const { objects, state, seal, metrics, names, pieceBytes, now } = deps;
  const sharesPieces = state.kind !== 'process' && pieceBytes <= MAX_PIECE_BYTES;
  const closing = new AbortController();
  let lease: HeldLease | undefined;
  let renewing: NodeJS.Timeout | undefined;
  let removing: NodeJS.Timeout | undefined;
  let absentUntil = 0;
  let isDistrusted = false;
  let hasAsked = false;
  let partial: PartialBlob | undefined;
  let isWanted = false;
  let isUploading = false;
  /** Bytes of its fill came from the store. */
  let isUsed = false;
  /** Complete pieces that the store has not. */
  const landed: number[] = [];
  const given: number[] = [];
  let giving = 0;

  function hold(taken: HeldLease): void {
    lease = taken;
    let until = now() + LEASE_MS;
    renewing = setInterval(() => void keep(), RENEW_MS);
    renewing.unref();

    async function keep(): Promise<void> {
      // Nothing works on it: a fill that was refused, or that has ended.
      const isAtWork = partial !== undefined || isUploading;
      if (!isAtWork && now() > until) {
        await letGo();
        return;
      }
      if (isAtWork) until = now() + LEASE_MS;
      if (lease === taken && !(await taken.renew()) && lease === taken) drop();
      await look();
    }
  }

  function drop(): void {
    clearInterval(renewing);
    lease = undefined;
  }

  async function letGo(): Promise<void> {
    const held = lease;
    drop();
    await held?.release();
  }

  async function isOwner(): Promise<boolean | undefined> {
    if (lease !== undefined) return true;
    const taken = await state.acquire(names.state, LEASE_MS);
    if (taken === undefined) return undefined;
    if (taken === 'held') return false;
    if (lease !== undefined || closing.signal.aborted) {
      await taken.release();
      return lease !== undefined;
    }
    hold(taken);
    return true;
  }

  async function findWhole(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined> {
    if (now() < absentUntil) return undefined;
    const part = await objects.get(names.blob, range, signal);
    if (part === undefined) {
      absentUntil = now() + ABSENT_MS;
      return undefined;
    }
    const { completeLength, body } = part;
    isUsed = true;
    metrics.sharedReads.inc({ from: 'blob' });
    return { kind: 'content', completeLength, body, range: clip(range, completeLength) };
  }

  async function findPiece(
    range: ByteRange,
    record: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<SharedContent | undefined> {
    const completeLength = Number(record.get(LENGTH) ?? Number.NaN);
    const index = Math.floor(range.firstPos / pieceBytes);
    const note = record.get(String(index));
    const start = index * pieceBytes;
    const end = Math.min(completeLength, start + pieceBytes);
    if (note === undefined || !(range.firstPos < end) || range.lastPos >= end) return undefined;
    const part = await objects.get(names.piece(index), { firstPos: 0, lastPos: pieceBytes - 1 }, signal);
    if (part === undefined) return undefined;
    const bytes = await readWhole(part.body, end - start);
    if (bytes === undefined || noteOf(index, completeLength, bytes) !== note) return undefined;
    isUsed = true;
    metrics.sharedReads.inc({ from: 'piece' });
    const body = Readable.from([bytes.subarray(range.firstPos - start, range.lastPos - start + 1)]);
    return { kind: 'content', completeLength, range, body };
  }

  const noteOf = (index: number, completeLength: number, bytes: Buffer): string =>
    seal.name([
      'piece',
      names.state,
      index,
      completeLength,
      createHash('sha256').update(bytes).digest('base64url'),
    ]);

  /** The lease came free: maybe since its last owner has just brought the whole. */
  async function findFinished(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined> {
    const record = await state.read(names.state);
    if (record?.has(WHOLE) !== true) return undefined;
    absentUntil = 0;
    const found = await findWhole(range, signal);
    if (found !== undefined) await letGo();
    return found;
  }

  async function search(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined> {
    const endsAt = now() + FIRST_BYTE_MS;
    let known = -1;
    let progressAt = now();
    for (;;) {
      const record = sharesPieces ? await state.read(names.state) : new Map<string, string>();
      if (record?.has(WHOLE) === true) absentUntil = 0;
      const whole = await findWhole(range, signal);
      if (whole !== undefined || record === undefined) return whole;
      const piece = await findPiece(range, record, signal);
      if (piece !== undefined) return piece;
      // The lease says who fetches; where it can not be asked, everybody does.
      if (!sharesPieces) return undefined;
      const had = lease !== undefined;
      const owns = await isOwner();
      if (owns === true && !had) return findFinished(range, signal);
      if (owns !== false) return undefined;
      if (record.size !== known) {
        known = record.size;
        progressAt = now();
      }
      if (now() - progressAt > STALL_MS || now() > endsAt) return undefined;
      if (!hasAsked) hasAsked = await state.note(names.state, WANTED, '1', RECORD_MS);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Whether somebody wants the pieces, and gives them what they have not. */
  async function look(): Promise<void> {
    if (lease === undefined || partial === undefined || !sharesPieces || isWanted) return;
    const record = await state.read(names.state);
    if (record?.has(WANTED) !== true) return;
    isWanted = true;
    give();
  }

  function give(): void {
    if (!isWanted || lease === undefined || partial === undefined) return;
    while (giving < UPLOADS) {
      const index = landed.shift();
      if (index === undefined) return;
      giving += 1;
      void giveOne(partial, index).finally(() => {
        giving -= 1;
        give();
      });
    }
  }

  /** A piece that does not get there is fetched by who wants it. */
  async function giveOne(from: PartialBlob, index: number): Promise<void> {
    try {
      const start = index * pieceBytes;
      const length = Math.min(pieceBytes, from.length - start);
      const bytes = Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const read = await from.read(start + done, bytes.subarray(done));
        if (read === 0) return;
        done += read;
      }
      const content = { length, read: (position: number, into: Buffer) => copy(bytes, position, into) };
      await objects.put(names.piece(index), content, closing.signal);
      given.push(index);
      await state.note(names.state, LENGTH, String(from.length), RECORD_MS);
      await state.note(names.state, String(index), noteOf(index, from.length, bytes), RECORD_MS);
    } catch {
      // Counted and said by the store; the partial may have ended.
    }
  }

  async function removePieces(): Promise<void> {
    for (const index of given.splice(0)) {
      await objects.remove(names.piece(index), closing.signal).catch(() => undefined);
    }
  }

  return {
    async find(range, signal) {
      if (isDistrusted) return { kind: 'own' };
      const any = AbortSignal.any([signal, closing.signal]);
      try {
        const found = await search(range, any);
        if (found !== undefined) return found;
      } catch {
        signal.throwIfAborted();
      }
      metrics.sharedReads.inc({ from: 'upstream' });
      return { kind: 'own' };
    },
    watch(opened, events) {
      if (opened.pieceBytes !== pieceBytes) return opened;
      partial = opened;
      landed.length = 0;
      isUsed = false;
      const looking = setInterval(() => void look(), POLL_MS);
      looking.unref();
      const ended = (): void => {
        clearInterval(looking);
        if (partial === opened) partial = undefined;
      };
      return {
        digest: opened.digest,
        length: opened.length,
        pieceBytes: opened.pieceBytes,
        pieceCount: opened.pieceCount,
        get path() {
          return opened.path;
        },
        has: (piece) => opened.has(piece),
        write: (position, bytes) => opened.write(position, bytes),
        read: (position, buffer) => opened.read(position, buffer),
        async complete(piece) {
          await opened.complete(piece);
          landed.push(piece);
          give();
        },
        async publish() {
          const stored = await opened.publish();
          ended();
          isUploading = true;
          events.published();
          return stored;
        },
        async discard() {
          ended();
          if (isUsed) events.wrong();
          // A record of that length has no pieces.
          if (given.length > 0) await state.note(names.state, LENGTH, '0', RECORD_MS);
          await letGo();
          await opened.discard();
        },
        async close() {
          ended();
          await letGo();
          await opened.close();
        },
      };
    },
    async mayUpload() {
      // Where nobody can say who does it, each does; the store takes the first.
      return !isDistrusted && (await isOwner()) !== false;
    },
    async uploaded(isThere) {
      absentUntil = 0;
      isUploading = false;
      if (isThere && sharesPieces) await state.note(names.state, WHOLE, '1', RECORD_MS);
      await letGo();
      if (given.length === 0) return;
      removing = setTimeout(() => void removePieces(), GRACE_MS);
      removing.unref();
    },
    distrust() {
      isDistrusted = true;
    },
    async close() {
      closing.abort(new Error('Berth is stopping'));
      clearTimeout(removing);
      await letGo();
    },
  };
}

function clip({ firstPos, lastPos }: ByteRange, completeLength: number): ByteRange {
  return { firstPos, lastPos: Math.min(lastPos, completeLength - 1) };
}

function copy(from: Buffer, position: number, into: Buffer): Promise<void> {
  from.copy(into, 0, position);
  return Promise.resolve();
}

/** Undefined: it is not of that length. */
async function readWhole(body: Readable, length: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > length) return undefined;
    chunks.push(chunk);
  }
  return bytes === length ? Buffer.concat(chunks) : undefined;
}
