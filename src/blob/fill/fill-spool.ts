import type { PartialBlob, StoredBlob } from '../../cache/blob-store.ts';
import type { Digest } from '../../oci/digest.ts';
import type { FillDeps } from './fill-deps.ts';
import { createSpoolWatch, watchPartial } from './spool-watch.ts';

/** The file that a fill works on: from when it is found until it is published, thrown away, or kept for the next fill. */
export type FillSpool = {
  /** Where it is now; undefined: it has not been found yet. */
  readonly path: string | undefined;
  /** Set while it is given its published name. */
  readonly publishing: Promise<void> | undefined;
  /** True: it may be of so many bytes. */
  reserve(bytes: number): boolean;
  /** Somebody else has published it. */
  holdStored(stored: StoredBlob): void;
  /** Returns by what it is to be written and read. */
  holdPartial(partial: PartialBlob): PartialBlob;
  /** Notes that a piece is in it as a whole. */
  record(piece: number): void;
  /** Once; `ended` is called when it has its name, or has not got it. */
  publish(ended: (isPublished: boolean) => void): void;
  /** Of the disk nothing is told from now on. */
  end(): void;
  /** Resolves when nothing of it is held or under way. `isWrong`: it is of use to nobody. */
  release(isWrong: boolean): Promise<void>;
};

/** @param broke the disk has failed, or hangs */
export function createFillSpool(
  digest: Digest,
  deps: Pick<FillDeps, 'budget' | 'log' | 'rateClock'>,
  broke: (error: unknown) => void,
): FillSpool {
  const { budget, log } = deps;
  const disk = createSpoolWatch(
    () => broke(new Error('the disk of the cache does not answer')),
    deps.rateClock,
  );
  /** Of pieces, that are being written. */
  const records = new Set<Promise<void>>();
  let partial: PartialBlob | undefined;
  let stored: StoredBlob | undefined;
  let publishing: Promise<void> | undefined;
  let reserved = 0;

  async function publish(ended: (isPublished: boolean) => void): Promise<void> {
    let isPublished = false;
    try {
      await Promise.all(records);
      stored = await partial?.publish();
      isPublished = true;
    } catch (error) {
      // The readers have the bytes; only the next one does not find them.
      log.error({ digest, error: String(error) }, 'a verified blob was not published');
    }
    publishing = undefined;
    ended(isPublished);
  }

  async function letGo(isWrong: boolean): Promise<void> {
    if (stored !== undefined) stored.close();
    else if (isWrong) await partial?.discard();
    else await partial?.close();
  }

  return {
    get path() {
      return stored?.path ?? partial?.path;
    },
    get publishing() {
      return publishing;
    },
    reserve(bytes) {
      if (!budget.reserve(bytes)) return false;
      reserved = bytes;
      return true;
    },
    holdStored(found) {
      stored = found;
    },
    holdPartial(found) {
      partial = watchPartial(found, disk);
      return partial;
    },
    record(piece) {
      if (partial === undefined) return;
      const record = partial
        .complete(piece)
        .catch(broke)
        .finally(() => records.delete(record));
      records.add(record);
    },
    publish(ended) {
      publishing = publish(ended);
    },
    end: () => disk.end(),
    async release(isWrong) {
      await publishing;
      await Promise.all(records);
      try {
        await letGo(isWrong);
      } catch (error) {
        log.error({ digest, error: String(error) }, 'the spool of a blob could not be closed');
      }
      budget.release(reserved);
      reserved = 0;
    },
  };
}
