import { createHmac, randomBytes } from 'node:crypto';
import type { compare } from 'bcryptjs';
import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';
import { formatCidr, parseCidr } from './address-set.ts';
import type { BasicCredentials } from './basic-credentials.ts';
import type { HtpasswdFile } from './htpasswd-file.ts';

export type PasswordResult = 'right' | 'wrong' | 'throttled';

export type PasswordCheck = {
  /** @param address whose failures count; at most `MAX_FAILURES` per `FAILURE_WINDOW_MS`. */
  check(credentials: BasicCredentials, address: string): Promise<PasswordResult>;
};

/** How long a result holds: a pull asks hundreds of times, and one bcrypt takes about 50 ms. */
const REMEMBER_MS = 60_000;
/** Credentials remembered: about 200 bytes each. Wrong ones apart, so that a flood can not push out the right ones. */
const MAX_REMEMBERED_RIGHT = 10_000;
const MAX_REMEMBERED_WRONG = 1000;

/** Different wrong passwords from one address before it must wait; a person mistypes two or three times. */
export const MAX_FAILURES = 20;
export const FAILURE_WINDOW_MS = 60_000;
const MAX_FAILING_ADDRESSES = 10_000;

/** Checks waiting for the processor: 32 of 50 ms are the longest that anybody should wait. */
const MAX_WAITING = 32;

/**
 * Checks passwords against an htpasswd file. bcrypt runs on the thread that moves the blobs, so what nobody vouches
 * for yet is bounded: equal questions are asked once, results are remembered, one check runs at a time, few wait,
 * and an address that fails often waits. An unknown user costs the same time as a wrong password.
 */
export function createPasswordCheck(
  file: HtpasswdFile,
  deps: { readonly now?: () => number; readonly comparePassword?: typeof compare } = {},
): PasswordCheck {
  // A clock that is set back must not lengthen what is remembered of a password.
  const now = deps.now ?? (() => performance.now());
  const comparePassword = deps.comparePassword ?? compareHash;
  // Passwords themselves are not kept, nor anything that could be looked up elsewhere.
  const fingerprintKey = randomBytes(32);
  const right = new LRUCache<string, number>(atMost(MAX_REMEMBERED_RIGHT));
  const wrong = new LRUCache<string, number>(atMost(MAX_REMEMBERED_WRONG));
  const failures = new LRUCache<string, { count: number; untilMs: number }>(atMost(MAX_FAILING_ADDRESSES));
  const running = new Map<string, Promise<boolean>>();
  let tail: Promise<unknown> = Promise.resolve();

  async function compareInTurn(password: string, hash: string): Promise<boolean> {
    const turn = tail.then(() => comparePassword(password, hash));
    tail = turn.catch(() => undefined);
    return turn;
  }

  function isThrottled(source: string): boolean {
    const failed = failures.get(source);
    return failed !== undefined && failed.count >= MAX_FAILURES && now() < failed.untilMs;
  }

  function countFailure(source: string): void {
    const failed = failures.get(source);
    if (failed !== undefined && now() < failed.untilMs) failed.count += 1;
    else failures.set(source, { count: 1, untilMs: now() + FAILURE_WINDOW_MS });
  }

  return {
    async check({ user, password }, address) {
      const source = failureSource(address);
      const { htpasswd, version } = await file.current();
      // The file's version is part of it: a change forgets every result.
      const fingerprint = createHmac('sha256', fingerprintKey)
        .update(JSON.stringify([version, user, password]))
        .digest('base64');
      if (now() < (right.get(fingerprint) ?? 0)) return 'right';
      if (now() < (wrong.get(fingerprint) ?? 0)) return 'wrong';
      const shared = running.get(fingerprint);
      if (shared !== undefined) return (await shared) ? 'right' : 'wrong';
      if (isThrottled(source) || running.size >= MAX_WAITING) return 'throttled';
      const hash = htpasswd.hashes.get(user);
      const question = compareInTurn(password, hash ?? decoyHash(htpasswd.cost));
      const answer = question.then((matches) => matches && hash !== undefined);
      running.set(fingerprint, answer);
      try {
        const isRight = await answer;
        (isRight ? right : wrong).set(fingerprint, now() + REMEMBER_MS);
        if (!isRight) countFailure(source);
        return isRight ? 'right' : 'wrong';
      } finally {
        running.delete(fingerprint);
      }
    },
  };
}

/** Loaded by the first who brings a password: most Berths have no users of their own. */
const compareHash: typeof compare = async (password, hash) =>
  (await import('bcryptjs')).compare(password, hash);

/** One IPv6 host has a whole /64 at its hands (RFC 4291 §2.5.1). */
function failureSource(address: string): string {
  const network = address.includes(':') ? parseCidr(`${address}/64`) : undefined;
  return network === undefined ? address : formatCidr(network);
}

/** Well-formed and of the file's own cost, so that it takes as long; no user has it. */
function decoyHash(cost: number): string {
  return `$2b$${String(Math.max(cost, 4)).padStart(2, '0')}$${'.'.repeat(53)}`;
}
