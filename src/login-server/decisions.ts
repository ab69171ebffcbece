import { LRUCache } from 'lru-cache';
import type { Metrics } from '../metrics/metrics.ts';
import { atMost } from '../system/at-most.ts';
import { createCollapse } from '../upstream/collapse.ts';
import { isOutage, isOutageStatus } from '../upstream/is-outage.ts';
import { createAllowedBefore } from './allowed-before.ts';
import { createCredentialsKey, tokenExpiry } from './credentials-key.ts';
import type { SharedDecisions, SharedScope } from './shared-decisions.ts';

/** The upstream's answer to «may these credentials have this content?», with what it said along with it. */
export type Verdict<T> =
  | {
      readonly kind: 'allowed';
      readonly value: T;
      /** Unix milliseconds after which what came along (a location) is of no use; what is kept here needs none. */
      readonly usableUntil?: number;
      /** The upstream can not be asked; this is what it said at that time, Unix milliseconds (C10). */
      readonly staleSince?: number;
      /** It was said to everybody (C8). */
      readonly isPublic?: true;
    }
  /** `value` is the upstream's own answer, to pass on. */
  | { readonly kind: 'refused'; readonly status: number; readonly value: T };

/** Who asks for what. */
export type Subject = {
  readonly registry: string;
  readonly repository: string;
  /** What is asked for, with its kind: everything beside the credentials that the answer depends on. */
  readonly subject: string;
  readonly authorization: string | undefined;
  /** As what it is known to other replicas; left out: it is not. */
  readonly shared?: SharedScope | undefined;
};

export type Question<T> = Subject & {
  readonly ttlSeconds: number;
  /** 404 may be kept: nobody pushes through here. */
  readonly readOnly: boolean;
  /** Asks as Berth itself, without the caller's credentials; undefined: no public probe. */
  readonly probe: ((signal: AbortSignal) => Promise<Verdict<T>>) | undefined;
  readonly ask: (signal: AbortSignal) => Promise<Verdict<T>>;
  /** What was allowed before may stand in for an upstream that can not be asked; left out: its failure is passed on. */
  readonly stale?: Stale<T> | undefined;
};

type Stale<T> = {
  /** Seconds since the upstream was last asked. */
  readonly seconds: number;
  /** Whether that answer is of any use now. */
  usable(value: T): boolean;
};

/** The names that a subject's decisions are kept by. No credentials are in it that could be read. */
export type SubjectName = {
  /** Of the decision on this caller. */
  readonly own: string;
  /** Of the decision on everybody; undefined: nobody asks for everybody. */
  readonly open: string | undefined;
  /** Of everything about the repository. */
  readonly of: string;
  readonly repository: string;
  readonly shared: SharedScope | undefined;
};

/** Whose answer it is, under the names that it is kept by. */
type Asker = {
  /** Of this one question. */
  readonly key: string;
  /** Of everything about this repository by these credentials. */
  readonly who: string;
  readonly authorization: string | undefined;
  /** Of the repository, before the upstream was asked; undefined where other replicas can not be told. */
  readonly epoch: string | undefined;
};

/**
 * Decisions of upstreams, kept for a short time (docs/request-handling.md C7, C8). A copy in a cache is never an open
 * copy: this is what stands before it.
 */
export type Decisions<T> = {
  /** What `known` finds it by: the same for as long as the same is asked, so it need be made only once. */
  name(subject: Subject, isProbed: boolean): SubjectName;
  /**
   * What is known here, to this caller or (`isProbed`) to everybody; undefined where somebody has to be asked, be it another
   * replica. The usual case, so it costs neither a promise nor what a question would need.
   *
   * @param serves which answers are of use; of others nothing is said or counted. Left out: all are
   */
  known(name: SubjectName, serves?: (value: T) => boolean): Verdict<T> | undefined;
  decide(question: Question<T>, signal: AbortSignal): Promise<Verdict<T>>;
  /**
   * Forgets everything about a repository, answers under way included: something was written to it (P6). At once here, and
   * everywhere when the promise resolves, as far as other replicas can be told.
   */
  forget(registry: string, repository: string, shared?: SharedScope): Promise<void>;
};

/** Milliseconds. A refusal is repeated soon: rights are granted while somebody waits. */
const REFUSAL_MS = 5_000;
/** Milliseconds that a caller with credentials of its own waits for the public probe. */
const PROBE_MS = 2_000;
/** Milliseconds that an upstream which could not be asked is not asked again, where there is an answer without it. */
const OUTAGE_MS = 5_000;
/** Entries; about 1 KiB each. A decision that falls out is only asked again. */
const MAX_DECISIONS = 20_000;

/** `until`: by the steady clock, since one that is set must neither lengthen nor shorten what somebody may have. */
type Kept<T> = { readonly verdict: Verdict<T>; readonly until: number; readonly asked: number };

export function createDecisions<T>(deps: {
  metrics: Metrics;
  /** Unix milliseconds; left out: the system's clock. */
  now?: () => number;
  /** Milliseconds of a clock that is never set. */
  steady?: () => number;
  shared?: SharedDecisions<T> | undefined;
}): Decisions<T> {
  const { now = Date.now, steady = () => performance.now() } = deps;
  const credentialsKey = createCredentialsKey();
  const kept = new LRUCache<string, Kept<T>>(atMost(MAX_DECISIONS));
  /** When a repository was last written to, as a position in the order of questions. */
  const forgotten = new LRUCache<string, number>(atMost(MAX_DECISIONS));
  /** Repositories whose public probe failed, and until when (steady) it is not tried again. */
  const failedProbes = new LRUCache<string, number>(atMost(MAX_DECISIONS));
  const collapse = createCollapse<Verdict<T>>();
  const allowedBefore = createAllowedBefore<T>(MAX_DECISIONS);
  /** Questions that the upstream could not be asked, and until when (steady) it is not asked again. */
  const outages = new LRUCache<string, number>(atMost(MAX_DECISIONS));
  /** Of each repository the epoch that was seen last. */
  const epochs = new LRUCache<string, string>(atMost(MAX_DECISIONS));
  const count = (result: 'hit' | 'miss' | 'collapsed' | 'public' | 'stale' | 'shared') =>
    deps.metrics.authorizationDecisions.inc({ result });
  let order = 0;
  /** What fell out of `forgotten` may have been forgotten at any time up to here. */
  let forgottenFloor = 0;

  // No two pairs have the same: there is no space in the name of a repository.
  const scope = (registry: string, repository: string) => `${repository} ${registry}`;
  const askerOf = (question: Question<T>, kind: 'caller' | 'public', epoch?: string): Asker => {
    const authorization = kind === 'caller' ? question.authorization : undefined;
    const credentials = credentialsKey(authorization);
    const { registry, repository } = question;
    return {
      key: keyOf(question, credentials, kind),
      who: JSON.stringify([registry, repository, kind, credentials]),
      authorization,
      epoch,
    };
  };
  const forgottenAt = (of: string) => forgotten.get(of) ?? forgottenFloor;

  function lookUp(key: string, of: string): Verdict<T> | undefined {
    const entry = kept.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > steady() && entry.asked > forgottenAt(of)) return entry.verdict;
    kept.delete(key);
    return undefined;
  }

  function keep(
    asker: Asker,
    verdict: Verdict<T>,
    question: Question<T>,
    asked: number,
    askedAt: number,
  ): void {
    const { key, who, authorization } = asker;
    const until = keepUntil(verdict, question, authorization, now());
    const left = until - now();
    if (left > 0) kept.set(key, { verdict, until: steady() + left, asked });
    if (verdict.kind === 'allowed' && left > 0 && asker.epoch !== undefined) {
      // Nobody waits for it: another replica that does not find it asks the upstream.
      void deps.shared?.keep(question, authorization, asker.epoch, { value: verdict.value, until });
    }
    if (verdict.kind === 'allowed') {
      if (question.stale === undefined) return;
      const usableUntil = (tokenExpiry(authorization) ?? Number.POSITIVE_INFINITY) - now() + steady();
      allowedBefore.allow(key, { value: verdict.value, askedAt, asked, usableUntil });
    } else if (!isOutageStatus(verdict.status)) {
      allowedBefore.refuse(key, asked);
      // Who has lost one part of a repository has most likely lost all of it.
      if (verdict.status === 401 || verdict.status === 403) allowedBefore.refuse(who, asked);
    }
  }

  /** Asks once for all that ask the same at the same time. */
  async function askOnce(
    asker: Asker,
    of: string,
    question: Question<T>,
    ask: (signal: AbortSignal) => Promise<Verdict<T>>,
    signal: AbortSignal,
  ): Promise<{ value: Verdict<T>; collapsed: boolean }> {
    // A question from before a write does not answer one from after it.
    return collapse.run(
      JSON.stringify([asker.key, forgottenAt(of)]),
      async (shared) => {
        const asked = ++order;
        const askedAt = steady();
        const verdict = await ask(shared);
        keep(asker, verdict, question, asked, askedAt);
        return verdict;
      },
      signal,
    );
  }

  /** What the upstream has allowed this caller, or everybody, not longer ago than it may be (C10). */
  function findStale(question: Question<T>, of: string, asker: Asker): Verdict<T> | undefined {
    const { stale } = question;
    if (stale === undefined) return undefined;
    const askers = question.probe === undefined ? [asker] : [asker, askerOf(question, 'public')];
    for (const { key, who } of askers) {
      // A refusal of this very caller beats what everybody may have.
      const found = allowedBefore.find(key, [who, asker.who, asker.key], forgottenAt(of));
      if (found === undefined) continue;
      const until = Math.min(found.askedAt + stale.seconds * 1000, found.usableUntil);
      if (until <= steady() || !stale.usable(found.value)) continue;
      const staleSince = Math.round(now() - (steady() - found.askedAt));
      return { kind: 'allowed', value: found.value, staleSince };
    }
    return undefined;
  }

  async function askOrFindStale(
    question: Question<T>,
    of: string,
    asker: Asker,
    signal: AbortSignal,
  ): Promise<Verdict<T>> {
    const standIn = (): Verdict<T> | undefined => {
      const found = findStale(question, of, asker);
      if (found !== undefined) {
        outages.set(asker.key, steady() + OUTAGE_MS);
        count('stale');
      }
      return found;
    };
    try {
      const { value, collapsed } = await askOnce(asker, of, question, question.ask, signal);
      const stale = value.kind === 'refused' && isOutageStatus(value.status) ? standIn() : undefined;
      if (stale !== undefined) return stale;
      count(collapsed ? 'collapsed' : 'miss');
      return value;
    } catch (error) {
      const stale = isOutage(error) ? standIn() : undefined;
      if (stale === undefined) throw error;
      return stale;
    }
  }

  async function askPublic(
    question: Question<T>,
    of: string,
    epoch: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<T> | undefined> {
    const { probe } = question;
    if (probe === undefined || question.authorization === undefined) return undefined;
    if ((failedProbes.get(of) ?? 0) > steady()) return undefined;
    const privateKey = JSON.stringify([of, 'private']);
    if (lookUp(privateKey, of) !== undefined) return undefined;
    const { value } = await askOnce(askerOf(question, 'public', epoch), of, question, probe, signal);
    if (value.kind === 'allowed') return value;
    if (value.status === 401 || value.status === 403) {
      const until = steady() + question.ttlSeconds * 1000;
      kept.set(privateKey, { verdict: value, until, asked: ++order });
    }
    return undefined;
  }

  /** The probe is a help, not the answer: where it fails or is slow, the caller's own credentials still count. */
  async function tryPublic(
    question: Question<T>,
    of: string,
    epoch: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<T> | undefined> {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      return await askPublic(question, of, epoch, soon);
    } catch {
      // Not again for each layer of the image.
      if (!signal.aborted) failedProbes.set(of, steady() + question.ttlSeconds * 1000);
      return undefined;
    }
  }

  function forgetHere(of: string): void {
    if (forgotten.size >= MAX_DECISIONS && !forgotten.has(of)) forgottenFloor = order;
    forgotten.set(of, order);
  }

  /**
   * What other replicas know; first of all whether something has been written through one of them, which ends what is known
   * here. Where they can not be asked, what the upstream has said to this one holds for its time.
   */
  async function lookAround(question: Question<T>, of: string, signal: AbortSignal) {
    const look = await deps.shared?.look(question);
    signal.throwIfAborted();
    if (look !== undefined && epochs.get(of) !== look.epoch) {
      forgetHere(of);
      epochs.set(of, look.epoch);
    }
    return look;
  }

  function nameOf(subject: Subject, isProbed: boolean): SubjectName {
    const { registry, repository, authorization, shared } = subject;
    return {
      own: keyOf(subject, credentialsKey(authorization), 'caller'),
      open: isProbed ? keyOf(subject, credentialsKey(undefined), 'public') : undefined,
      of: scope(registry, repository),
      repository,
      shared,
    };
  }

  /** What is known here of this caller, or of everybody. */
  function findHere(name: SubjectName, serves?: (value: T) => boolean): Verdict<T> | undefined {
    const own = lookUp(name.own, name.of);
    if (own !== undefined) {
      if (serves?.(own.value) === false) return undefined;
      count('hit');
      return own;
    }
    const open = name.open === undefined ? undefined : lookUp(name.open, name.of);
    if (open?.kind !== 'allowed' || serves?.(open.value) === false) return undefined;
    count('public');
    return { ...open, isPublic: true };
  }

  function findKnown(name: SubjectName, serves?: (value: T) => boolean): Verdict<T> | undefined {
    if (deps.shared !== undefined) {
      // Nothing has been written since, which is certain without asking.
      const epoch = deps.shared.epochNow?.(name);
      if (epoch === undefined || epochs.get(name.of) !== epoch) return undefined;
    }
    return findHere(name, serves);
  }

  function takeOver(
    key: string,
    { value, until }: { value: T; until: number },
  ): Extract<Verdict<T>, { kind: 'allowed' }> {
    const verdict = { kind: 'allowed', value } as const;
    kept.set(key, { verdict, until: steady() + (until - now()), asked: ++order });
    count('shared');
    return verdict;
  }

  return {
    name: nameOf,
    known: findKnown,
    async decide(question, signal) {
      const name = nameOf(question, question.probe !== undefined);
      const { of } = name;
      const soon = findKnown(name);
      if (soon !== undefined) return soon;
      const look = await lookAround(question, of, signal);
      const known = findHere(name);
      if (known !== undefined) return known;
      const asker = askerOf(question, 'caller', look?.epoch);
      if (look?.caller !== undefined) return takeOver(asker.key, look.caller);
      if (look?.open !== undefined) {
        return { ...takeOver(askerOf(question, 'public').key, look.open), isPublic: true };
      }
      const stale = (outages.get(asker.key) ?? 0) > steady() ? findStale(question, of, asker) : undefined;
      if (stale !== undefined) {
        count('stale');
        return stale;
      }
      const probed = await tryPublic(question, of, look?.epoch, signal);
      signal.throwIfAborted();
      if (probed !== undefined) {
        count('public');
        return probed.kind === 'allowed' ? { ...probed, isPublic: true } : probed;
      }
      return askOrFindStale(question, of, asker, signal);
    },
    async forget(registry, repository, shared) {
      forgetHere(scope(registry, repository));
      if (shared !== undefined) await deps.shared?.forget(shared, repository);
    },
  };
}

function keyOf(asked: Subject, credentials: string, kind: 'caller' | 'public'): string {
  // As `scope`; nor is there a space in what is base64url. JSON takes six times as long, for every request.
  const { registry, repository, subject } = asked;
  return `${kind} ${credentials} ${repository} ${subject.length} ${subject} ${registry}`;
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
