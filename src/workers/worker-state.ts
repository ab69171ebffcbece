import { LRUCache } from 'lru-cache';
import type { SharedState } from '../state/shared-state.ts';
import { atMost } from '../system/at-most.ts';
import type { Link } from './link.ts';
import type { AskPrimary, TellPrimary } from './worker-messages.ts';

/** The primary's state, as one worker has it. */
export type WorkerState = SharedState & {
  /** The primary says that the epoch of a group has ended, and asks for nothing of it to be used once this returns. */
  ended(group: string): void;
};

/** Milliseconds that a group's epoch is taken to be the same without a word of the primary: it tells when one ends. */
const EPOCH_MS = 5_000;
const MAX_GROUPS = 20_000;

type Group = { readonly epoch: string; readonly until: number };

/**
 * What workers share is the primary's: it tells each of them that an epoch has ended before a write is answered, so what one has been
 * told is not asked for again with each request. A call that fails, since the primary is ending, is a state that can not be asked.
 */
export function createWorkerState(
  link: Pick<Link<AskPrimary, TellPrimary>, 'call'>,
  now: () => number = () => performance.now(),
): WorkerState {
  const groups = new LRUCache<string, Group>(atMost(MAX_GROUPS));
  /** Groups that are being looked at, so that an epoch that ends meanwhile is not taken for the one in force. */
  const looking = new Map<string, number>();
  let endings = 0;
  const lastEnding = new LRUCache<string, number>(atMost(MAX_GROUPS));

  async function ask<T>(question: Promise<T>): Promise<T | undefined> {
    try {
      return await question;
    } catch {
      return undefined;
    }
  }

  async function look(group: string, names: readonly string[]) {
    const before = lastEnding.get(group);
    // From before the question: what hangs while the answer is on its way has not gained time by it.
    const until = now() + EPOCH_MS;
    looking.set(group, (looking.get(group) ?? 0) + 1);
    const answer = await ask(link.call('look', { group, names }));
    const left = (looking.get(group) ?? 1) - 1;
    if (left === 0) looking.delete(group);
    else looking.set(group, left);
    if (answer === undefined) return undefined;
    if (lastEnding.get(group) !== before) return answer;
    groups.set(group, { epoch: answer.epoch, until });
    return answer;
  }

  return {
    kind: 'workers',
    ended(group) {
      groups.delete(group);
      endings += 1;
      if (looking.has(group)) lastEnding.set(group, endings);
    },
    look,
    epochNow(group) {
      const known = groups.get(group);
      return known !== undefined && known.until > now() ? known.epoch : undefined;
    },
    async keep(group, epoch, name, value, ttlMs) {
      await ask(link.call('keep', { group, epoch, name, value, ttlMs }));
    },
    async forget(group) {
      groups.delete(group);
      return (await ask(link.call('forgetGroup', group))) ?? false;
    },
    takeTurn: (turn) => ask(link.call('takeTurn', turn)),
    async pause(queue, caller, milliseconds) {
      await ask(link.call('pause', { queue, caller, milliseconds }));
    },
    async acquire(name, ttlMs) {
      const answer = await ask(link.call('acquire', { name, ttlMs }));
      if (answer === undefined || answer === 'held') return answer;
      return {
        token: answer.token,
        renew: async () => (await ask(link.call('renew', answer.lease))) ?? false,
        async release() {
          await ask(link.call('release', answer.lease));
        },
      };
    },
    note: async (record, field, value, ttlMs) =>
      (await ask(link.call('record', { record, field, value, ttlMs }))) ?? false,
    read: (record) => ask(link.call('readRecord', record)),
    close: () => Promise.resolve(),
  };
}
