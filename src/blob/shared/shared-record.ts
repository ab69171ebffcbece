import { createHash } from 'node:crypto';
import type { SharedState } from '../../state/shared-state.ts';
import type { StateSeal } from '../../ticket/state-seal.ts';

/** What replicas note of one blob while one of them brings it. All of it may be lost, or be somebody's invention: what counts is sealed. */
export type SharedRecord = {
  /** Its fields, of now, or of a moment ago; undefined: the state can not be asked. */
  recent(): Promise<ReadonlyMap<string, string> | undefined>;
  /** Its fields, asked for now. */
  read(): Promise<ReadonlyMap<string, string> | undefined>;
  note(field: string, value: string): Promise<boolean>;
  /** What is noted of a piece: only who has the ticket keys can make it, and it is of these bytes at this place alone. */
  noteOf(index: number, completeLength: number, bytes: Buffer): string;
};

/** Somebody waits for the pieces. */
export const WANTED = 'wanted';
/** The whole blob is in the store. */
export const WHOLE = 'whole';
/** Bytes of the blob. */
export const LENGTH = 'length';

/**
 * Pieces of one blob that are shared, 128 GiB of the usual ones; each is some 60 bytes in every answer about the record, which has a limit
 * (`MAX_REPLY_BYTES`, src/state/redis/create-redis-client.ts).
 */
export const MAX_NOTED_PIECES = 32_768;

/** Milliseconds that the record outlives the last note. */
const RECORD_MS = 300_000;
/** Milliseconds that one look serves all who look: half of what each waits between two. */
const RECENT_MS = 50;

/** @param now milliseconds, of a clock that does not go back */
export function createSharedRecord(
  name: string,
  deps: { readonly state: SharedState; readonly seal: StateSeal; readonly now: () => number },
): SharedRecord {
  const { state, seal, now } = deps;
  let latest: { readonly at: number; readonly answer: ReturnType<SharedRecord['read']> } | undefined;

  function read(): ReturnType<SharedRecord['read']> {
    const answer = state.read(name);
    latest = { at: now(), answer };
    return answer;
  }

  return {
    recent: () => (latest !== undefined && now() - latest.at < RECENT_MS ? latest.answer : read()),
    read,
    note: (field, value) => state.note(name, field, value, RECORD_MS),
    noteOf: (index, completeLength, bytes) =>
      seal.name([
        'piece',
        name,
        index,
        completeLength,
        createHash('sha256').update(bytes).digest('base64url'),
      ]),
  };
}
