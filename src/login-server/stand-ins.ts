import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';
import { isOutageStatus } from '../upstream/is-outage.ts';
import { createAllowedBefore } from './allowed-before.ts';
import { tokenExpiry } from './credentials-key.ts';
import type { Audience, DecisionNames, SubjectName } from './decision-names.ts';
import type { Question, Verdict } from './question.ts';

/** When a question was put to the upstream. */
export type Asked = {
  /** Position in the order of questions. */
  readonly position: number;
  /** Milliseconds of a clock that is never set. */
  readonly at: number;
};

/** What upstreams have allowed before, in place of one that can not be asked now (C10, C11). */
export type StandIns<T> = {
  /** The upstream has answered. `authorization`: what it was asked with. */
  answered(
    question: Question<T>,
    to: { readonly name: string; readonly audience: Audience; readonly authorization: string | undefined },
    verdict: Verdict<T>,
    asked: Asked,
  ): void;
  /** What was allowed to this caller, or to everybody, and not longer ago than it may be. The upstream is not asked again at once. */
  find(question: Question<T>, name: SubjectName, forgottenAt: number): Verdict<T> | undefined;
  /** The same, while it is not long ago that the upstream could not be asked. */
  findAgain(question: Question<T>, name: SubjectName, forgottenAt: number): Verdict<T> | undefined;
};

/** Milliseconds that an upstream which could not be asked is not asked again, where there is an answer without it. */
const OUTAGE_MS = 5_000;

/** @param max allowances, refusals, and questions that wait */
export function createStandIns<T>(
  max: number,
  deps: {
    readonly names: Pick<DecisionNames, 'audience'>;
    /** Unix milliseconds. */
    readonly now: () => number;
    /** Milliseconds of a clock that is never set. */
    readonly steady: () => number;
  },
): StandIns<T> {
  const { names, now, steady } = deps;
  const allowedBefore = createAllowedBefore<T>(max);
  /** Questions that the upstream could not be asked, and until when (steady) it is not asked again. */
  const outages = new LRUCache<string, number>(atMost(max));

  function find(question: Question<T>, name: SubjectName, forgottenAt: number): Verdict<T> | undefined {
    const { stale } = question;
    if (stale === undefined) return undefined;
    const caller = names.audience(question, 'caller');
    const candidates = [{ key: name.own, who: caller }];
    if (name.open !== undefined) candidates.push({ key: name.open, who: names.audience(question, 'public') });
    for (const { key, who } of candidates) {
      // A refusal of this very caller beats what everybody may have.
      const found = allowedBefore.find(key, [who, caller, name.own], forgottenAt);
      if (found === undefined) continue;
      const until = Math.min(found.askedAt + stale.seconds * 1000, found.usableUntil);
      if (until <= steady() || !stale.usable(found.value)) continue;
      const staleSince = Math.round(now() - (steady() - found.askedAt));
      return { kind: 'allowed', value: found.value, staleSince };
    }
    return undefined;
  }

  return {
    answered(question, { name, audience, authorization }, verdict, asked) {
      if (verdict.kind === 'allowed') {
        if (question.stale === undefined) return;
        const usableUntil = (tokenExpiry(authorization) ?? Number.POSITIVE_INFINITY) - now() + steady();
        const { value } = verdict;
        allowedBefore.allow(name, { value, askedAt: asked.at, asked: asked.position, usableUntil });
      } else if (!isOutageStatus(verdict.status)) {
        allowedBefore.refuse(name, asked.position);
        // Who has lost one part of a repository has most likely lost all of it.
        if (verdict.status === 401 || verdict.status === 403) {
          allowedBefore.refuse(names.audience(question, audience), asked.position);
        }
      }
    },
    find(question, name, forgottenAt) {
      const found = find(question, name, forgottenAt);
      if (found !== undefined) outages.set(name.own, steady() + OUTAGE_MS);
      return found;
    },
    findAgain(question, name, forgottenAt) {
      return (outages.get(name.own) ?? 0) > steady() ? find(question, name, forgottenAt) : undefined;
    },
  };
}
