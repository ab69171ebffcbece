import { LRUCache } from 'lru-cache';
import type { Metrics } from '../metrics/metrics.ts';
import { createCollapse } from '../upstream/collapse.ts';
import { createCredentialsKey, tokenExpiry } from './credentials-key.ts';

/** The upstream's answer to «may these credentials have this content?», with what it said along with it. */
export type Verdict<T> =
  | {
      readonly kind: 'allowed';
      readonly value: T;
      /** Unix milliseconds after which what came along (a location) is of no use. */
      readonly usableUntil?: number;
    }
  /** `value` is the upstream's own answer, to pass on. */
  | { readonly kind: 'refused'; readonly status: number; readonly value: T };

export type Question<T> = {
  readonly registry: string;
  readonly repository: string;
  /** What is asked for, with its kind: everything beside the credentials that the answer depends on. */
  readonly subject: string;
  readonly authorization: string | undefined;
  readonly ttlSeconds: number;
  /** 404 may be kept: nobody pushes through here. */
  readonly readOnly: boolean;
  /** Asks as Berth itself, without the caller's credentials; undefined: no public probe. */
  readonly probe: ((signal: AbortSignal) => Promise<Verdict<T>>) | undefined;
  readonly ask: (signal: AbortSignal) => Promise<Verdict<T>>;
};

/**
 * Decisions of upstreams, kept for a short time (docs/request-handling.md C7, C8). A copy in a cache is never an open
 * copy: this is what stands before it.
 */
export type Decisions<T> = {
  decide(question: Question<T>, signal: AbortSignal): Promise<Verdict<T>>;
  /** Forgets everything about a repository, answers under way included: something was written to it (P6). */
  forget(registry: string, repository: string): void;
};

/** Milliseconds. A refusal is repeated soon: rights are granted while somebody waits. */
const REFUSAL_MS = 5_000;
/** Milliseconds that a caller with credentials of its own waits for the public probe. */
const PROBE_MS = 2_000;
/** Entries; about 1 KiB each. A decision that falls out is only asked again. */
const MAX_DECISIONS = 20_000;

type Kept<T> = { readonly verdict: Verdict<T>; readonly until: number; readonly asked: number };

export function createDecisions<T>(deps: { metrics: Metrics; now?: () => number }): Decisions<T> {
  const now = deps.now ?? Date.now;
  const credentialsKey = createCredentialsKey();
  const kept = new LRUCache<string, Kept<T>>({ max: MAX_DECISIONS });
  /** When a repository was last written to, as a position in the order of questions. */
  const forgotten = new LRUCache<string, number>({ max: MAX_DECISIONS });
  /** Repositories whose public probe failed, and until when it is not tried again. */
  const failedProbes = new LRUCache<string, number>({ max: MAX_DECISIONS });
  const collapse = createCollapse<Verdict<T>>();
  const count = (result: 'hit' | 'miss' | 'collapsed' | 'public') =>
    deps.metrics.authorizationDecisions.inc({ result });
  let order = 0;
  /** What fell out of `forgotten` may have been forgotten at any time up to here. */
  let forgottenFloor = 0;

  const scope = (registry: string, repository: string) => JSON.stringify([registry, repository]);
  const forgottenAt = (of: string) => forgotten.get(of) ?? forgottenFloor;

  function lookUp(key: string, of: string): Verdict<T> | undefined {
    const entry = kept.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now() && entry.asked > forgottenAt(of)) return entry.verdict;
    kept.delete(key);
    return undefined;
  }

  function keep(
    key: string,
    verdict: Verdict<T>,
    question: Question<T>,
    by: string | undefined,
    asked: number,
  ): void {
    const until = keepUntil(verdict, question, by, now());
    if (until > now()) kept.set(key, { verdict, until, asked });
  }

  /** Asks once for all that ask the same at the same time. */
  async function askOnce(
    key: string,
    of: string,
    question: Question<T>,
    by: string | undefined,
    ask: (signal: AbortSignal) => Promise<Verdict<T>>,
    signal: AbortSignal,
  ): Promise<{ value: Verdict<T>; collapsed: boolean }> {
    // A question from before a write does not answer one from after it.
    return collapse.run(
      JSON.stringify([key, forgottenAt(of)]),
      async (shared) => {
        const asked = ++order;
        const verdict = await ask(shared);
        keep(key, verdict, question, by, asked);
        return verdict;
      },
      signal,
    );
  }

  async function askPublic(
    question: Question<T>,
    of: string,
    signal: AbortSignal,
  ): Promise<Verdict<T> | undefined> {
    const { probe } = question;
    if (probe === undefined || question.authorization === undefined) return undefined;
    if ((failedProbes.get(of) ?? 0) > now()) return undefined;
    const privateKey = JSON.stringify([of, 'private']);
    if (lookUp(privateKey, of) !== undefined) return undefined;
    const { value } = await askOnce(keyOf(question, '', 'public'), of, question, undefined, probe, signal);
    if (value.kind === 'allowed') return value;
    if (value.status === 401 || value.status === 403) {
      const until = now() + question.ttlSeconds * 1000;
      kept.set(privateKey, { verdict: value, until, asked: ++order });
    }
    return undefined;
  }

  /** The probe is a help, not the answer: where it fails or is slow, the caller's own credentials still count. */
  async function tryPublic(
    question: Question<T>,
    of: string,
    signal: AbortSignal,
  ): Promise<Verdict<T> | undefined> {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      return await askPublic(question, of, soon);
    } catch {
      // Not again for each layer of the image.
      if (!signal.aborted) failedProbes.set(of, now() + question.ttlSeconds * 1000);
      return undefined;
    }
  }

  return {
    async decide(question, signal) {
      const of = scope(question.registry, question.repository);
      const key = keyOf(question, credentialsKey(question.authorization), 'caller');
      const known = lookUp(key, of);
      if (known !== undefined) {
        count('hit');
        return known;
      }
      const open = lookUp(keyOf(question, '', 'public'), of);
      if (question.probe !== undefined && open?.kind === 'allowed') {
        count('public');
        return open;
      }
      const probed = await tryPublic(question, of, signal);
      signal.throwIfAborted();
      if (probed !== undefined) {
        count('public');
        return probed;
      }
      const { authorization, ask } = question;
      const { value, collapsed } = await askOnce(key, of, question, authorization, ask, signal);
      count(collapsed ? 'collapsed' : 'miss');
      return value;
    },
    forget(registry, repository) {
      const of = scope(registry, repository);
      if (forgotten.size >= MAX_DECISIONS && !forgotten.has(of)) forgottenFloor = order;
      forgotten.set(of, order);
    },
  };
}

function keyOf<T>(question: Question<T>, credentials: string, kind: 'caller' | 'public'): string {
  return JSON.stringify([question.registry, question.repository, question.subject, kind, credentials]);
}

function keepUntil<T>(
  verdict: Verdict<T>,
  question: Question<T>,
  authorization: string | undefined,
  now: number,
): number {
  const ttl = question.ttlSeconds * 1000;
  if (verdict.kind === 'allowed') {
    const limits = [now + ttl, verdict.usableUntil, tokenExpiry(authorization)];
    return Math.min(...limits.filter((limit) => limit !== undefined));
  }
  const keepable = [401, 403].includes(verdict.status) || (verdict.status === 404 && question.readOnly);
  return keepable ? now + Math.min(ttl, REFUSAL_MS) : 0;
}
