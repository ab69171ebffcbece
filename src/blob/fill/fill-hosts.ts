import { strongEntityTag } from '../../http/entity-tag.ts';
import type { UpstreamFailure } from '../../upstream/failure.ts';
import { createResumePolicy, type ResumeLimits, type ResumePolicy, resumeReason } from '../resume.ts';
import type { FillDeps } from './fill-deps.ts';

/** What a fill knows of one host (scheme, name and port) of its sources. */
type Host = {
  policy: ResumePolicy;
  /** Bytes since its last failure. */
  bytes: number;
  /** The number of its last failure. */
  failedAt: number;
  /** Answers in a row that contradicted what was asked for. */
  contradictions: number;
  isWaiting: boolean;
  waitsForRenewal: boolean;
  isGone: boolean;
  ignoresRange: boolean;
  /** A strong one; null: it tells different ones, so that size and digest alone can say what is the same. */
  etag: string | undefined | null;
};

export type HostEnd =
  /** For a while or for good. */
  | { readonly kind: 'rests' }
  /** Ask for a fresh source; the host rests until that has ended (`endRenewal`). */
  | { readonly kind: 'renew'; readonly afterMs: number };

/** The hosts of one fill: each has its own patience, and rests after a failure while others are asked. */
export type FillHosts = {
  readonly isReady: (origin: string) => boolean;
  readonly isGone: (origin: string) => boolean;
  readonly ignoresRange: (origin: string) => boolean;
  readonly tellIgnoresRange: (origin: string) => void;
  /** To send as `If-Match`. */
  readonly etag: (origin: string) => string | undefined;
  /** False: it has told another ETag before. From then on none is compared. */
  sameEntity(origin: string, etag: string | undefined): boolean;
  brought(origin: string, bytes: number): void;
  /** The number of failures so far, which a request takes along. */
  readonly mark: number;
  /** @param origins of the source and of where it led: both rest, the last one has failed */
  failed(
    origins: readonly string[],
    failure: UpstreamFailure,
    facts: { readonly mark: number; readonly renewable: boolean },
  ): HostEnd;
  /** They were asked for too much at a time, and rest as long as their Retry-After says; that is no failure of theirs. */
  refused(origins: readonly string[], failure: UpstreamFailure): void;
  endRenewal(): void;
  /** Whoever was given up may be asked again. */
  forgive(): void;
  stop(): void;
};

/** Contradictions in a row that show that a host will go on so: one or two may be misrouted answers. */
const MAX_CONTRADICTIONS = 3;

/** @param ready a host has rested */
export function createFillHosts(
  deps: Pick<FillDeps, 'now' | 'random' | 'setTimer'> & { readonly limits: ResumeLimits },
  ready: () => void,
): FillHosts {
  const hosts = new Map<string, Host>();
  const timers = new Set<() => void>();
  let failures = 0;

  function hostAt(origin: string): Host {
    let host = hosts.get(origin);
    if (host === undefined) {
      host = {
        policy: createResumePolicy(deps),
        bytes: 0,
        failedAt: 0,
        contradictions: 0,
        isWaiting: false,
        waitsForRenewal: false,
        isGone: false,
        ignoresRange: false,
        etag: undefined,
      };
      hosts.set(origin, host);
    }
    return host;
  }

  function rest(resting: readonly Host[], afterMs: number): void {
    for (const host of resting) host.isWaiting = true;
    const cancel = deps.setTimer(afterMs, () => {
      timers.delete(cancel);
      for (const host of resting) host.isWaiting = false;
      ready();
    });
    timers.add(cancel);
  }

  return {
    isReady(origin) {
      const host = hosts.get(origin);
      return host === undefined || !(host.isWaiting || host.waitsForRenewal || host.isGone);
    },
    isGone: (origin) => hosts.get(origin)?.isGone === true,
    ignoresRange: (origin) => hosts.get(origin)?.ignoresRange === true,
    tellIgnoresRange(origin) {
      hostAt(origin).ignoresRange = true;
    },
    etag: (origin) => hosts.get(origin)?.etag ?? undefined,
    sameEntity(origin, told) {
      const etag = strongEntityTag(told);
      if (etag === undefined) return true;
      const host = hostAt(origin);
      if (host.etag === null || host.etag === etag) return true;
      const isFirst = host.etag === undefined;
      host.etag = isFirst ? etag : null;
      return isFirst;
    },
    brought(origin, bytes) {
      const host = hostAt(origin);
      host.bytes += bytes;
      host.contradictions = 0;
    },
    get mark() {
      return failures;
    },
    failed(origins, failure, { mark, renewable }) {
      const all = origins.map(hostAt);
      const host = hostAt(origins.at(-1) ?? '');
      // The request ran beside one that has failed already.
      if (mark < host.failedAt) return { kind: 'rests' };
      const reason = resumeReason(failure);
      if (reason === 'changed') host.etag = null;
      host.contradictions = reason === 'wrong_answer' ? host.contradictions + 1 : 0;
      const retryable = host.contradictions < MAX_CONTRADICTIONS;
      const step = host.policy.next(failure, { bytes: host.bytes, renewable, retryable });
      host.bytes = 0;
      failures += 1;
      host.failedAt = failures;
      if (step.kind === 'retry') rest(all, step.afterMs);
      else if (step.kind === 'renew') {
        for (const other of all) other.waitsForRenewal = true;
        return { kind: 'renew', afterMs: step.afterMs };
      } else host.isGone = true;
      return { kind: 'rests' };
    },
    refused(origins, { retryAfterSeconds = 0 }) {
      const resting = origins.map(hostAt);
      if (retryAfterSeconds <= 0 || resting.some(({ isWaiting }) => isWaiting)) return;
      // Longer than anybody waits it is asked again: what is said to one request too many may not be said to one alone.
      rest(resting, Math.min(retryAfterSeconds * 1000, deps.limits.maxRetryAfterMs));
    },
    endRenewal() {
      for (const host of hosts.values()) host.waitsForRenewal = false;
    },
    forgive() {
      for (const host of hosts.values()) {
        if (!host.isGone) continue;
        host.isGone = false;
        host.contradictions = 0;
        host.policy = createResumePolicy(deps);
      }
    },
    stop() {
      for (const cancel of timers) cancel();
      timers.clear();
    },
  };
}
