import type { PartialBlob, StoredBlob } from '../../cache/blob-store.ts';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { ByteRange } from '../../http/range.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { SharedState } from '../../state/shared-state.ts';
import type { StateSeal } from '../../ticket/state-seal.ts';
import { createFillLease } from './fill-lease.ts';
import { createPieceGiver } from './piece-giver.ts';
import type { SharedContent } from './serve-content.ts';
import { every, type SharedClock } from './shared-clock.ts';
import type { SharedNames } from './shared-names.ts';
import { createSharedRecord, WANTED, WHOLE } from './shared-record.ts';
import { createSharedSearch, type SharedSearchLimits } from './shared-search.ts';

export type SharedFillDeps = {
  readonly objects: GuardedStore;
  readonly state: SharedState;
  readonly seal: StateSeal;
  readonly metrics: Pick<Metrics, 'sharedReads'>;
  readonly names: SharedNames;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** The blob on this disk, once it is published; undefined where it is not there any more. */
  readonly openStored: () => Promise<Pick<StoredBlob, 'length' | 'read' | 'close'> | undefined>;
  readonly clock: SharedClock;
  /** For tests. */
  readonly limits?: Partial<SharedSearchLimits> | undefined;
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
  /** Nothing is under way, and nothing is to be done later: who forgets it loses what it has seen a moment ago. */
  readonly isAtRest: boolean;
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

/** Milliseconds between two looks at whether somebody wants the pieces. */
const LOOK_MS = 100;
/** The same of a blob whose upload waits for others: there may be many. */
const UPLOAD_LOOK_MS = 1_000;
/** Milliseconds that pieces stay when the whole is there: somebody may be reading one. */
const GRACE_MS = 20_000;
/** Bytes of a piece above which pieces are not shared: too much to hold. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;

export function createSharedFill(deps: SharedFillDeps): SharedFill {
  const { objects, state, seal, metrics, names, pieceBytes, openStored, clock, limits } = deps;
  const sharesPieces = state.kind !== 'process' && pieceBytes <= MAX_PIECE_BYTES;
  const closing = new AbortController();
  let cancelRemoval: (() => void) | undefined;
  let isDistrusted = false;
  let searches = 0;
  let partial: PartialBlob | undefined;
  let isWanted = false;
  let isUploading = false;
  let stopLooking: (() => void) | undefined;
  let stored: Pick<StoredBlob, 'close'> | undefined;
  /** Bytes of its fill came from the store. */
  let isUsed = false;
  const record = createSharedRecord(names.state, { state, seal, now: clock.now });
  const lease = createFillLease({
    state,
    name: names.state,
    clock,
    isAtWork,
  });
  const giver = createPieceGiver({
    objects,
    record,
    names,
    pieceBytes,
    isAsked: () => isWanted && lease.isHeld && isAtWork(),
    signal: closing.signal,
  });
  const search = createSharedSearch({
    objects,
    record,
    lease,
    names,
    metrics,
    pieceBytes,
    sharesPieces,
    clock,
    limits,
    onUse() {
      isUsed = true;
    },
  });

  /** It has pieces that others may want: all, where only the upload of the whole is still to come. */
  function isAtWork(): boolean {
    return partial !== undefined || isUploading;
  }

  /** Until the whole is in the store: an upload waits for others, and takes its time. */
  async function giveFromStored(): Promise<void> {
    if (stored !== undefined) {
      giver.give();
      return;
    }
    // Where that fails, others fetch.
    const opened = await openStored().catch(() => undefined);
    if (opened === undefined) return;
    if (!isUploading || partial !== undefined || stored !== undefined) {
      opened.close();
      return;
    }
    stored = opened;
    giver.goOn(opened);
  }

  function stopGiving(): void {
    stopLooking?.();
    giver.pause();
    stored?.close();
    stored = undefined;
  }

  /** Whether somebody wants the pieces, and gives them what they have not. */
  async function look(): Promise<void> {
    if (!sharesPieces || !lease.isHeld || !isAtWork()) return;
    isWanted ||= (await record.read())?.has(WANTED) === true;
    if (!isWanted) return;
    // Again and again: pieces that landed while another one had the lease wait for it to be had again.
    if (partial === undefined) await giveFromStored();
    else giver.give();
  }

  function lookEvery(milliseconds: number): void {
    stopLooking?.();
    // One that fell out of the list, with its fill still going on.
    if (closing.signal.aborted) return;
    stopLooking = every(clock, milliseconds, () => void look());
  }

  return {
    async find(range, signal) {
      if (isDistrusted) return { kind: 'own' };
      const any = AbortSignal.any([signal, closing.signal]);
      searches += 1;
      try {
        const found = await search.search(range, any);
        if (found !== undefined) return found;
      } catch {
        signal.throwIfAborted();
      } finally {
        searches -= 1;
      }
      metrics.sharedReads.inc({ from: 'upstream' });
      return { kind: 'own' };
    },
    watch(opened, events) {
      if (opened.pieceBytes !== pieceBytes) return opened;
      stopGiving();
      partial = opened;
      giver.begin(opened);
      isUsed = false;
      isWanted = false;
      lookEvery(LOOK_MS);
      const ended = (): void => {
        if (partial !== opened) return;
        partial = undefined;
        giver.pause();
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
          giver.landed(piece);
        },
        async publish() {
          const published = await opened.publish();
          ended();
          isUploading = true;
          events.published();
          if (isUploading) lookEvery(UPLOAD_LOOK_MS);
          if (isWanted) void giveFromStored();
          return published;
        },
        async discard() {
          ended();
          stopGiving();
          if (isUsed) events.wrong();
          await giver.disown();
          await lease.letGo();
          await opened.discard();
        },
        async close() {
          ended();
          stopGiving();
          await lease.letGo();
          await opened.close();
        },
      };
    },
    get isAtRest() {
      return searches === 0 && !isAtWork() && !lease.isHeld && !giver.hasGiven;
    },
    async mayUpload() {
      // Where nobody can say who does it, each does; the store takes the first.
      return !isDistrusted && (await lease.take()) !== false;
    },
    async uploaded(isThere) {
      search.expectWhole();
      isUploading = false;
      if (partial === undefined) stopGiving();
      if (isThere && sharesPieces) await record.note(WHOLE, '1');
      await lease.letGo();
      if (!giver.hasGiven || closing.signal.aborted) return;
      cancelRemoval?.();
      cancelRemoval = clock.setTimer(GRACE_MS, () => void giver.removeAll());
    },
    distrust() {
      isDistrusted = true;
    },
    async close() {
      closing.abort(new Error('Berth is stopping'));
      cancelRemoval?.();
      stopGiving();
      await lease.close();
    },
  };
}
