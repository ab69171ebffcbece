import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SharedState } from '../state/shared-state.ts';
import { atMost } from '../system/at-most.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import type { Question, Subject } from './decisions.ts';

/** What a decision depends on beside its question, the same in every replica with the same configuration. */
export type SharedScope = {
  /** The registry and its upstream: a write there concerns every replica, whatever else is configured. */
  readonly registry: string;
  /** Digest of everything else that a decision depends on. */
  readonly rules: string;
};

/** The upstream has allowed it; use it no longer than `until`, Unix milliseconds. */
export type SharedAllowance<T> = { readonly value: T; readonly until: number };

export type SharedLook<T> = {
  readonly epoch: string;
  /** To this caller, and to everybody. */
  readonly caller: SharedAllowance<T> | undefined;
  readonly open: SharedAllowance<T> | undefined;
};

/**
 * What upstreams have allowed, for all replicas. Only that: a refusal is short-lived, and asked for again by each. The state sees
 * neither credentials nor locations: names are keyed digests and values are sealed, each bound to its name and epoch, so
 * that whoever can write there can take decisions away, and never make one.
 */
export type SharedDecisions<T> = {
  /** The epoch of the question's repository, where that is certain without asking anybody; left out: it never is. */
  epochNow?(subject: Pick<Subject, 'repository' | 'shared'>): string | undefined;
  /** Undefined: other replicas can not be asked. */
  look(question: Question<T>): Promise<SharedLook<T> | undefined>;
  keep(
    question: Question<T>,
    authorization: string | undefined,
    epoch: string,
    allowance: SharedAllowance<T>,
  ): Promise<void>;
  /** Resolves when every replica knows, or when the state can not be told: then as soon as it can be. */
  forget(scope: SharedScope, repository: string): Promise<void>;
};

export type SharedDecisionsDeps<T> = {
  readonly state: SharedState;
  readonly seal: StateSeal;
  /** What kind of decisions these are. */
  readonly kind: 'blob' | 'manifest';
  /** The value as it was before JSON; undefined where it is none. */
  readonly parse: (value: unknown) => T | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
};

/** Repositories whose writes the state could not be told of; what falls out lives out its `authorizationTtlSeconds`. */
const MAX_UNSAID = 10_000;
/** Repositories whose digests are remembered: a digest costs more than the rest of a hit. */
const MAX_GROUPS = 10_000;

export function createSharedDecisions<T>(deps: SharedDecisionsDeps<T>): SharedDecisions<T> {
  const { state, seal, kind, parse, now } = deps;
  const unsaid = new Set<string>();
  const groups = new LRUCache<string, string>(atMost(MAX_GROUPS));

  /** A plain digest: every replica must find it, whichever of the keys it seals with. */
  function groupOf({ registry }: SharedScope, repository: string): string {
    const key = JSON.stringify([registry, repository]);
    const known = groups.get(key);
    if (known !== undefined) return known;
    const group = createHash('sha256').update(key).digest('base64url');
    groups.set(key, group);
    return group;
  }

  const nameOf = (
    question: Question<T>,
    authorization: string | undefined,
    who: 'caller' | 'public',
  ): string => {
    const { shared, repository, subject } = question;
    // All that it depends on: whoever can write to the state could put a value under another key.
    return seal.name([kind, shared?.registry, shared?.rules, repository, subject, who, authorization ?? '']);
  };

  function open(name: string, epoch: string, text: string | undefined, ttlMs: number) {
    const content = text === undefined ? undefined : seal.open(text);
    if (!isAllowance(content) || content.name !== name || content.epoch !== epoch) return undefined;
    const value = parse(content.value);
    // Another replica's clock may be ahead.
    const until = Math.min(content.until, now() + ttlMs);
    return value === undefined || until <= now() ? undefined : { value, until };
  }

  /** What was written while the state was away; false: it still is. */
  async function sayAll(): Promise<boolean> {
    const said = await Promise.all([...unsaid].map((group) => say(group)));
    return !said.includes(false);
  }

  async function say(group: string): Promise<boolean> {
    unsaid.add(group);
    if (!(await state.forget(group))) {
      // Another write of the repository may have been told meanwhile, but not this one.
      unsaid.add(group);
      if (unsaid.size > MAX_UNSAID) unsaid.delete(group);
      return false;
    }
    unsaid.delete(group);
    return true;
  }

  return {
    epochNow({ shared, repository }) {
      if (shared === undefined || state.epochNow === undefined || unsaid.size > 0) return undefined;
      return state.epochNow(groupOf(shared, repository));
    },
    async look(question) {
      const { shared, ttlSeconds, authorization } = question;
      if (shared === undefined) return undefined;
      if (unsaid.size > 0 && !(await sayAll())) return undefined;
      // What is not kept is not asked for, but that something was written has to be known all the same.
      const names = ttlSeconds === 0 ? [] : [nameOf(question, authorization, 'caller')];
      if (names.length > 0 && question.probe !== undefined) names.push(nameOf(question, undefined, 'public'));
      const answer = await state.look(groupOf(shared, question.repository), names);
      if (answer === undefined) return undefined;
      const { epoch, found } = answer;
      const [caller, everybody] = names.map((name, index) =>
        open(name, epoch, found[index], ttlSeconds * 1000),
      );
      return { epoch, caller, open: everybody };
    },
    async keep(question, authorization, epoch, { value, until }) {
      const { shared, probe } = question;
      if (shared === undefined) return;
      const who = authorization === undefined && question.authorization !== undefined ? 'public' : 'caller';
      if (who === 'public' && probe === undefined) return;
      const name = nameOf(question, authorization, who);
      const text = seal.seal({ name, epoch, until, value });
      await state.keep(groupOf(shared, question.repository), epoch, name, text, until - now());
    },
    async forget(shared, repository) {
      await say(groupOf(shared, repository));
    },
  };
}

type Content = {
  readonly name: string;
  readonly epoch: string;
  readonly until: number;
  readonly value: unknown;
};

function isAllowance(content: unknown): content is Content {
  return (
    typeof content === 'object' &&
    content !== null &&
    'name' in content &&
    'epoch' in content &&
    'until' in content &&
    typeof content.until === 'number' &&
    'value' in content
  );
}
