import { addAbortSignal, Readable } from 'node:stream';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import { ObjectStoreError } from '../../cache/objects/object-store.ts';
import type { ByteRange } from '../../http/range.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { FillLease } from './fill-lease.ts';
import type { SharedContent } from './serve-content.ts';
import { type SharedClock, sleep } from './shared-clock.ts';
import type { SharedNames } from './shared-names.ts';
import { LENGTH, MAX_NOTED_PIECES, type SharedRecord, WANTED, WHOLE } from './shared-record.ts';

/** Looks for ranges of one blob among what other replicas have brought. */
export type SharedSearch = {
  /** Undefined: it is to be fetched. @throws what the signal says */
  search(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined>;
  /** The whole may be there by now. */
  expectWhole(): void;
};

export type SharedSearchDeps = {
  readonly objects: GuardedStore;
  readonly record: SharedRecord;
  readonly lease: FillLease;
  readonly names: SharedNames;
  readonly metrics: Pick<Metrics, 'sharedReads'>;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** Without it there are no pieces to wait for. */
  readonly sharesPieces: boolean;
  readonly clock: SharedClock;
  /** Bytes of the store are used. */
  readonly onUse: () => void;
  readonly limits?: Partial<SharedSearchLimits> | undefined;
};

export type SharedSearchLimits = {
  /** Milliseconds until the first byte in any case: containerd gives up after 30 s. */
  readonly firstByteMs: number;
};

/** Milliseconds between two looks at what others have brought. */
const POLL_MS = 100;
/** Milliseconds without a new piece. */
const STALL_MS = 5_000;
const FIRST_BYTE_MS = 15_000;
/** Milliseconds by which a timer may be late. By more, the process stood still, which says nothing of the store: it has a second more. */
const LATE_MS = 1_000;
const STILL_MS = 1_000;
/** Milliseconds that a blob which was not in the store is not looked for again. */
const ABSENT_MS = 2_000;

export function createSharedSearch(deps: SharedSearchDeps): SharedSearch {
  const { objects, record, lease, names, metrics, pieceBytes, sharesPieces, clock, onUse } = deps;
  const { now } = clock;
  const firstByteMs = deps.limits?.firstByteMs ?? FIRST_BYTE_MS;
  let absentUntil = 0;

  async function findWhole(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined> {
    if (now() < absentUntil) return undefined;
    const part = await objects.get(names.blob, range, signal);
    if (part === undefined) {
      absentUntil = now() + ABSENT_MS;
      return undefined;
    }
    const { completeLength, body } = part;
    onUse();
    metrics.sharedReads.inc({ from: 'blob' });
    return { kind: 'content', completeLength, body, range: clip(range, completeLength) };
  }

  /** @param late ends the read of a store that is too slow; @param signal says that nobody waits any more */
  async function findPiece(
    range: ByteRange,
    fields: ReadonlyMap<string, string>,
    late: AbortSignal,
    signal: AbortSignal,
  ): Promise<SharedContent | undefined> {
    const completeLength = Number(fields.get(LENGTH) ?? Number.NaN);
    const index = Math.floor(range.firstPos / pieceBytes);
    const note = fields.get(String(index));
    const start = index * pieceBytes;
    const end = Math.min(completeLength, start + pieceBytes);
    if (note === undefined || note === '' || !(range.firstPos < end) || range.lastPos >= end)
      return undefined;
    const whole = { firstPos: 0, lastPos: pieceBytes - 1 };
    const part = await objects.get(names.piece(index), whole, signal);
    if (part === undefined) return undefined;
    const body = addAbortSignal(AbortSignal.any([signal, late]), part.body);
    const bytes = await readWhole(body, end - start).catch((error: unknown) => {
      // Its header section came in time: nobody else can tell.
      if (!signal.aborted)
        objects.report(new ObjectStoreError(`${objects.origin}: a body broke off`, undefined));
      throw error;
    });
    if (bytes === undefined || record.noteOf(index, completeLength, bytes) !== note) return undefined;
    onUse();
    metrics.sharedReads.inc({ from: 'piece' });
    const wanted = bytes.subarray(range.firstPos - start, range.lastPos - start + 1);
    return { kind: 'content', completeLength, range, body: Readable.from([wanted]) };
  }

  /** The lease came free: maybe since its last owner has just brought the whole. */
  async function findFinished(range: ByteRange, signal: AbortSignal): Promise<SharedContent | undefined> {
    if ((await record.read())?.has(WHOLE) !== true) return undefined;
    absentUntil = 0;
    const found = await findWhole(range, signal);
    if (found !== undefined) await lease.letGo();
    return found;
  }

  async function look(
    range: ByteRange,
    late: AbortSignal,
    signal: AbortSignal,
  ): Promise<SharedContent | undefined> {
    const isShared = sharesPieces && range.firstPos < MAX_NOTED_PIECES * pieceBytes;
    let known = -1;
    let progressAt = now();
    const endsAt = progressAt + firstByteMs;
    for (;;) {
      const fields = isShared ? await record.recent() : new Map<string, string>();
      if (fields?.has(WHOLE) === true) absentUntil = 0;
      const whole = await findWhole(range, signal);
      if (whole !== undefined || fields === undefined) return whole;
      const piece = await findPiece(range, fields, late, signal);
      if (piece !== undefined) return piece;
      // The lease says who fetches; where it can not be asked, everybody does.
      if (!isShared) return undefined;
      const had = lease.isHeld;
      const owns = await lease.take();
      if (owns === true && !had) return findFinished(range, signal);
      if (owns !== false) return undefined;
      if (fields.size !== known) {
        known = fields.size;
        progressAt = now();
      }
      if (now() - progressAt > STALL_MS || now() > endsAt) return undefined;
      // Again where the state has lost it: its next owner does not know.
      if (!fields.has(WANTED)) await record.note(WANTED, '1');
      await sleep(clock, POLL_MS, signal);
    }
  }

  return {
    async search(range, signal) {
      const late = new AbortController();
      const watch = (ms: number): (() => void) => {
        const dueAt = now() + ms;
        return clock.setTimer(ms, () => {
          if (now() - dueAt > LATE_MS) cancel = watch(STILL_MS);
          else late.abort();
        });
      };
      let cancel = watch(firstByteMs);
      try {
        return await look(range, late.signal, signal);
      } finally {
        cancel();
      }
    },
    expectWhole() {
      absentUntil = 0;
    },
  };
}

function clip({ firstPos, lastPos }: ByteRange, completeLength: number): ByteRange {
  return { firstPos, lastPos: Math.min(lastPos, completeLength - 1) };
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
