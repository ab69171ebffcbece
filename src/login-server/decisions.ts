import { LRUCache } from 'lru-cache';
import type { Metrics } from '../metrics/metrics.ts';
import { atMost } from '../system/at-most.ts';
import { createCollapse } from '../upstream/collapse.ts';
import { isOutage, isOutageStatus } from '../upstream/is-outage.ts';
import { tokenExpiry } from './credentials-key.ts';
import { type Audience, createDecisionNames, type SubjectName } from './decision-names.ts';
import { createKeptDecisions } from './kept-decisions.ts';
import type { Question, Subject, Verdict } from './question.ts';
import type { SharedDecisions, SharedLook, SharedScope } from './shared-decisions.ts';
import { createStandIns } from './stand-ins.ts';

export type { SubjectName } from './decision-names.ts';
export type { Question, Subject, Verdict } from './question.ts';

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
/** Entries of about 1 KiB each; longer ones count as several. A decision that falls out is only asked again. */
const MAX_DECISIONS = 20_000;

/** One question to the upstream, for whom it is and under which name its answer is kept. */
type Asking<T> = {
  readonly question: Question<T>;
  readonly of: string;
  readonly name: string;
  readonly audience: Audience;
  readonly ask: (signal: AbortSignal) => Promise<Verdict<T>>;
  /** Of the repository, before the upstream was asked; undefined where other replicas can not be told. */
  readonly epoch: string | undefined;
};

export function createDecisions<T>(deps: {
  metrics: Metrics;
  /** Unix milliseconds; left out: the system's clock. */
  now?: () => number;
  /** Milliseconds of a clock that is never set. */
  steady?: () => number;
  shared?: SharedDecisions<T> | undefined;
}): Decisions<T> {
  const { shared, now = Date.now, steady = () => performance.now() } = deps;
  const names = createDecisionNames();
  const kept = createKeptDecisions<T>(MAX_DECISIONS, steady);
  const standIns = createStandIns<T>(MAX_DECISIONS, { names, now, steady });
  /** Repositories whose public probe failed, and until when (steady) it is not tried again. */
  const failedProbes = new LRUCache<string, number>(atMost(MAX_DECISIONS));
  const collapse = createCollapse<Verdict<T>>();
  /** Of each repository the epoch that was seen last, or the position of a write here since. */
  const epochs = new LRUCache<string, string | number>(atMost(MAX_DECISIONS));
  const count = (result: 'hit' | 'miss' | 'collapsed' | 'public' | 'stale' | 'shared') =>
    deps.metrics.authorizationDecisions.inc({ result });

  /** What is known here of this caller, or of everybody. */
  function findHere(name: SubjectName, serves?: (value: T) => boolean): Verdict<T> | undefined {
    const own = kept.find(name.own, name.of);
    if (own !== undefined) {
      if (serves?.(own.value) === false) return undefined;
      count('hit');
      return own;
    }
    const open = name.open === undefined ? undefined : kept.find(name.open, name.of);
    if (open?.kind !== 'allowed' || serves?.(open.value) === false) return undefined;
    count('public');
    return { ...open, isPublic: true };
  }

  function findKnown(name: SubjectName, serves?: (value: T) => boolean): Verdict<T> | undefined {
    if (shared !== undefined) {
      // Nothing has been written since, which is certain without asking.
      const epoch = shared.epochNow?.(name);
      if (epoch === undefined || epochs.get(name.of) !== epoch) return undefined;
    }
    return findHere(name, serves);
  }

  /**
   * What other replicas know; first of all whether something has been written through one of them, which ends what is known
   * here. Where they can not be asked, what the upstream has said to this one holds for its time.
   */
  async function lookAround(
    replicas: SharedDecisions<T>,
    question: Question<T>,
    of: string,
    signal: AbortSignal,
  ): Promise<SharedLook<T> | undefined> {
    const before = epochs.get(of);
    const look = await replicas.look(question);
    signal.throwIfAborted();
    const seen = epochs.get(of);
    // Written to here meanwhile: what they said may be from before that.
    if (typeof seen === 'number' && seen !== before) return undefined;
    if (look !== undefined && seen !== look.epoch) {
      kept.forget(of);
      epochs.set(of, look.epoch);
    }
    return look;
  }

  /** What another replica was told, to this caller or to everybody. */
  function takeOver(name: SubjectName, { caller, open }: SharedLook<T>): Verdict<T> | undefined {
    const found = caller ?? open;
    const under = caller === undefined ? name.open : name.own;
    if (found === undefined || under === undefined) return undefined;
    const verdict: Verdict<T> = { kind: 'allowed', value: found.value };
    kept.keep(under, verdict, kept.nextPosition(), found.until - now());
    count('shared');
    return caller === undefined ? { ...verdict, isPublic: true } : verdict;
  }

  /** Asks once for all that ask the same at the same time. */
  function askOnce(
    asking: Asking<T>,
    signal: AbortSignal,
  ): Promise<{ readonly value: Verdict<T>; readonly collapsed: boolean }> {
    // A question from before a write does not answer one from after it.
    return collapse.run(
      `${kept.forgottenAt(asking.of)} ${asking.name}`,
      async (together) => {
        const asked = { position: kept.nextPosition(), at: steady() };
        const verdict = await asking.ask(together);
        keep(asking, verdict, asked);
        return verdict;
      },
      signal,
    );
  }

  function keep(asking: Asking<T>, verdict: Verdict<T>, asked: { position: number; at: number }): void {
    const { question, name, audience, epoch } = asking;
    const authorization = audience === 'caller' ? question.authorization : undefined;
    const until = keepUntil(verdict, question, authorization, now());
    const leftMs = until - now();
    kept.keep(name, verdict, asked.position, leftMs);
    if (verdict.kind === 'allowed' && leftMs > 0 && epoch !== undefined) {
      // Nobody waits for it: another replica that does not find it asks the upstream.
      void shared?.keep(question, authorization, epoch, { value: verdict.value, until });
    }
    standIns.answered(question, { name, audience, authorization }, verdict, asked);
  }

  /** Whether everybody is worth asking for: not where nobody has credentials that it could spare, nor soon after it was of no use. */
  function mayTryPublic({ probe, authorization }: Question<T>, { of }: SubjectName): boolean {
    if (probe === undefined || authorization === undefined) return false;
    return (failedProbes.get(of) ?? 0) <= steady() && kept.find(privateName(of), of) === undefined;
  }

  /**
   * Asks for everybody. It is a help, not the answer: where it fails or is slow, the caller's own credentials still count.
   */
  async function tryPublic(
    question: Question<T>,
    { open: name, of }: SubjectName,
    epoch: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict<T> | undefined> {
    const { probe: ask, ttlSeconds } = question;
    if (ask === undefined || name === undefined) return undefined;
    const soon = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      const { value } = await askOnce({ question, of, name, audience: 'public', ask, epoch }, soon);
      if (value.kind === 'allowed') return { ...value, isPublic: true };
      if (value.status === 401 || value.status === 403) {
        kept.keep(privateName(of), value, kept.nextPosition(), ttlSeconds * 1000);
      }
    } catch {
      // Not again for each layer of the image.
      if (!signal.aborted) failedProbes.set(of, steady() + ttlSeconds * 1000);
    }
    return undefined;
  }

  async function askOrFindStale(
    asking: Asking<T>,
    name: SubjectName,
    signal: AbortSignal,
  ): Promise<Verdict<T>> {
    const standIn = () => standIns.find(asking.question, name, kept.forgottenAt(asking.of));
    try {
      const { value, collapsed } = await askOnce(asking, signal);
      const stale = value.kind === 'refused' && isOutageStatus(value.status) ? standIn() : undefined;
      count(stale === undefined ? (collapsed ? 'collapsed' : 'miss') : 'stale');
      return stale ?? value;
    } catch (error) {
      const stale = isOutage(error) ? standIn() : undefined;
      if (stale === undefined) throw error;
      count('stale');
      return stale;
    }
  }

  return {
    name: (subject, isProbed) => names.subject(subject, isProbed),
    known: findKnown,
    async decide(question, signal) {
      const name = names.subject(question, question.probe !== undefined);
      const { of } = name;
      const soon = findKnown(name);
      if (soon !== undefined) return soon;
      const look = shared && (await lookAround(shared, question, of, signal));
      const told = shared && (findHere(name) ?? (look && takeOver(name, look)));
      if (told !== undefined) return told;
      const stale = standIns.findAgain(question, name, kept.forgottenAt(of));
      if (stale !== undefined) {
        count('stale');
        return stale;
      }
      if (mayTryPublic(question, name)) {
        const probed = await tryPublic(question, name, look?.epoch, signal);
        signal.throwIfAborted();
        if (probed !== undefined) {
          count('public');
          return probed;
        }
      }
      const { ask } = question;
      return askOrFindStale(
        { question, of, name: name.own, audience: 'caller', ask, epoch: look?.epoch },
        name,
        signal,
      );
    },
    async forget(registry, repository, scope) {
      const of = names.of(registry, repository);
      kept.forget(of);
      if (shared === undefined || scope === undefined) return;
      epochs.set(of, kept.nextPosition());
      await shared.forget(scope, repository);
    },
  };
}

/** Under which name it is kept that everybody may not have what is in a repository. */
function privateName(of: string): string {
  return JSON.stringify([of, 'private']);
}

/** Until when a verdict is worth keeping, Unix milliseconds; 0: not at all. */
function keepUntil<T>(
  verdict: Verdict<T>,
  question: Question<T>,
  authorization: string | undefined,
  now: number,
): number {
  const ttl = question.ttlSeconds * 1000;
  if (ttl === 0) return 0;
  if (verdict.kind === 'allowed') {
    const limits = [now + ttl, verdict.usableUntil, tokenExpiry(authorization)];
    return Math.min(...limits.filter((limit) => limit !== undefined));
  }
  const keepable = [401, 403].includes(verdict.status) || (verdict.status === 404 && question.readOnly);
  return keepable ? now + Math.min(ttl, REFUSAL_MS) : 0;
}
