import { randomUUID } from 'node:crypto';
import {
  BUDGET_WINDOW_MS,
  EPOCH_MS,
  type HeldLease,
  type SharedState,
  type TurnAnswer,
} from '../shared-state.ts';
import type { RedisConnection } from './redis-connection.ts';
import { ACQUIRE, KEEP, LOOK, NOTE, PAUSE, RELEASE, RENEW, TAKE_TURN } from './scripts.ts';

/** Milliseconds that the tokens of a lease outlive it: nobody works for so long on what he has lost. */
const TOKEN_MS = 24 * 3600 * 1000;

/** The state of all replicas that have the same Redis, and the same prefix there. */
export function createRedisState(connection: RedisConnection, prefix: string): SharedState {
  // The hash tag keeps the keys of one script on one node.
  const key = (kind: string, of: string, rest = ''): string => `${prefix}${kind}:{${of}}${rest}`;
  const epochKey = (group: string): string => key('epoch', group);
  const entryKey = (group: string, name: string): string => key('kept', group, `:${name}`);
  const pauseKey = (queue: string, caller: string): string => key('pause', queue, `:${caller}`);

  async function acquire(name: string, ttlMs: number): Promise<HeldLease | 'held' | undefined> {
    const lease = key('lease', name);
    const owner = randomUUID();
    const answer = await connection.runScript(
      'lease',
      ACQUIRE,
      [lease, key('token', name)],
      [owner, String(ttlMs), String(TOKEN_MS)],
    );
    if (answer === 0) return 'held';
    if (typeof answer !== 'number' || !(answer > 0)) return undefined;
    return {
      token: answer,
      renew: async () => (await connection.runScript('lease', RENEW, [lease], [owner, String(ttlMs)])) === 1,
      async release() {
        await connection.runScript('lease', RELEASE, [lease], [owner]);
      },
    };
  }

  return {
    kind: 'redis',
    async look(group, names) {
      const keys = [epochKey(group), ...names.map((name) => entryKey(group, name))];
      const answer = await connection.runScript('look', LOOK, keys, [randomUUID(), String(EPOCH_MS)]);
      if (!isTexts(answer) || answer[0] === undefined) return undefined;
      const [epoch, ...found] = answer;
      return { epoch, found: found.map((value) => (value === '' ? undefined : value)) };
    },
    async keep(group, epoch, name, value, ttlMs) {
      if (!(ttlMs > 0)) return;
      const keys = [epochKey(group), entryKey(group, name)];
      await connection.runScript('keep', KEEP, keys, [epoch, value, String(Math.ceil(ttlMs))]);
    },
    // Not another epoch but none: this works on a Redis that is full, too.
    forget: async (group) => (await connection.run('forget', ['DEL', epochKey(group)])) !== undefined,
    async takeTurn({ queue, caller, requestsPerMinute }) {
      const answer = await connection.runScript(
        'turn',
        TAKE_TURN,
        [key('turns', queue), pauseKey(queue, caller ?? '')],
        [
          String(requestsPerMinute ?? 0),
          String(BUDGET_WINDOW_MS),
          randomUUID(),
          caller === undefined ? '0' : '1',
        ],
      );
      return turnAnswer(answer);
    },
    async pause(queue, caller, milliseconds) {
      await connection.runScript(
        'pause',
        PAUSE,
        [pauseKey(queue, caller)],
        [String(Math.ceil(milliseconds))],
      );
    },
    acquire,
    note: async (record, field, value, ttlMs) =>
      (await connection.runScript('note', NOTE, [key('record', record)], [field, value, String(ttlMs)])) ===
      1,
    async read(record) {
      return fieldsOf(await connection.run('read', ['HGETALL', key('record', record)]));
    },
    close: () => connection.close(),
  };
}

/** A server that answers something else is as good as none: whoever runs it may slow Berth down, not bring it down. */
function turnAnswer(answer: unknown): TurnAnswer | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [kind, waitMs]: unknown[] = answer;
  if (kind === 0) return { kind: 'taken' };
  if ((kind !== 1 && kind !== 2) || typeof waitMs !== 'number' || !(waitMs > 0)) return undefined;
  // Redis's clock may have gone back, or be another's after a failover: no wait is longer than the window.
  return { kind: kind === 1 ? 'paused' : 'budget_used', waitMs: Math.min(waitMs, BUDGET_WINDOW_MS) };
}

function fieldsOf(answer: unknown): ReadonlyMap<string, string> | undefined {
  return isTexts(answer) ? new Map(pairs(answer)) : undefined;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function pairs(list: readonly string[]): [string, string][] {
  return Array.from({ length: list.length / 2 }, (_, index) => [
    list[2 * index] ?? '',
    list[2 * index + 1] ?? '',
  ]);
}
