import type { Digest } from '../../oci/digest.ts';
import { UpstreamFailure } from '../../upstream/failure.ts';
import type { Answer, BodyTags } from '../ask-source.ts';
import type { BlobSource } from '../blob-source.ts';
import { BODY_RESUME_LIMITS, type ResumeReason, resumeReason } from '../resume.ts';
import type { FillDeps } from './fill-deps.ts';
import { createFillHosts } from './fill-hosts.ts';
import { createSourceRenewal } from './source-renewal.ts';

/** One source of a fill and what is known of it. */
export type FillSource = {
  /** As the ticket names it. */
  readonly source: BlobSource;
  /** Where it led to, which spares the redirect next time. */
  resolved: BlobSource | undefined;
  isUsable: boolean;
  /** It may be asked for a fresh source in its place, once. */
  canRenew: boolean;
  /** It was asked where it leads now, since the place where it had led refused; not a second time without bytes. */
  hasAskedAnew: boolean;
  /** Unix milliseconds from which on a fresh one is asked for ahead of time; undefined: it does not tell. */
  readonly renewAt: number | undefined;
};

export type PickedSource = {
  readonly kind: 'source';
  readonly source: FillSource;
  readonly mark: FailureMark;
};

export type SourcePick =
  | PickedSource
  /** One will be ready later, which `ready` tells. */
  | { readonly kind: 'wait' }
  /** None is left. */
  | { readonly kind: 'none' };

/** Which failures a request knew of when it began: those that run at once fail at once, and that is one failure. */
export type FailureMark = number;

/** The sources that the tickets of a fill's readers brought, whether those readers are still there or not. */
export type FillSources = {
  /** A new ticket: also a new chance for its host. */
  add(source: BlobSource): void;
  /** The best one now, if there is another, at another host than `avoided`. */
  pick(avoided?: string): SourcePick;
  /** What to send the request to, and what hosts call the body that was begun. */
  toAsk(source: FillSource): { readonly source: BlobSource; readonly tags: BodyTags };
  /**
   * It has answered with content.
   * @throws UpstreamFailure where its host has another entity now than before
   */
  answered(source: FillSource, answer: Answer): void;
  /** It answers a range with everything, and so does every other of its host. */
  ignoresRange(source: FillSource): boolean;
  tellIgnoresRange(source: FillSource): void;
  /** Bytes of it are in the file. */
  brought(source: FillSource, bytes: number): void;
  /** A request has brought all that was asked for: progress, however little it was. */
  succeeded(source: FillSource): void;
  /** Returns why the fill goes on elsewhere or later; undefined: this source was of no use at all. */
  failed(source: FillSource, failure: UpstreamFailure, mark: FailureMark): ResumeReason | undefined;
  /** While others of the fill run: it was one request too many for its host, which is not asked before its Retry-After. */
  refused(source: FillSource, failure: UpstreamFailure): void;
  /** Why the last one went. */
  readonly lastFailure: UpstreamFailure | undefined;
  /** No timer and no renewal is under way afterwards. */
  stop(): Promise<void>;
};

/** More add nothing: they are signatures for the same few hosts. */
const MAX_SOURCES = 8;
/** Milliseconds before its end at which a source is renewed, or half of its life where that is less. */
const RENEWAL_MARGIN_MS = 10_000;

/** @param ready a source may be there that was not before */
export function createFillSources(
  digest: Digest,
  deps: Pick<FillDeps, 'quarantine' | 'now' | 'unixNow' | 'random' | 'setTimer' | 'resumeLimits'>,
  ready: () => void,
): FillSources {
  const { quarantine, unixNow } = deps;
  const limits = { ...BODY_RESUME_LIMITS, ...deps.resumeLimits };
  let entries: FillSource[] = [];
  let lastFailure: UpstreamFailure | undefined;
  const hosts = createFillHosts({ ...deps, limits }, ready);
  const renewal = createSourceRenewal(
    { ...deps, limits },
    {
      candidates: () => entries.filter(({ canRenew }) => canRenew).toReversed(),
      renewed: take,
      failed(failure) {
        lastFailure = failure;
      },
      ended() {
        hosts.endRenewal();
        ready();
      },
    },
  );

  const originOf = (entry: FillSource): string => (entry.resolved ?? entry.source).origin;
  const originsOf = (entry: FillSource): string[] => [entry.source.origin, originOf(entry)];
  const ignoresRange = (entry: FillSource): boolean => originsOf(entry).some(hosts.ignoresRange);
  const isLiar = (entry: FillSource): boolean =>
    originsOf(entry).some((origin) => quarantine.isLiar(digest, origin));
  const isAtGoneHost = (entry: FillSource): boolean => originsOf(entry).some(hosts.isGone);
  const isOver = ({ source, canRenew }: FillSource): boolean =>
    canRenew && source.expiresAt !== undefined && source.expiresAt <= unixNow();

  function take(source: BlobSource): void {
    const { expiresAt } = source;
    const renewAt = expiresAt && expiresAt - Math.min(RENEWAL_MARGIN_MS, (expiresAt - unixNow()) / 2);
    entries = [
      ...entries.filter(({ isUsable, canRenew }) => isUsable || canRenew),
      {
        source,
        resolved: undefined,
        isUsable: true,
        canRenew: source.renew !== undefined,
        hasAskedAnew: false,
        renewAt,
      },
    ].slice(-MAX_SOURCES);
  }

  const isDue = ({ renewAt }: FillSource): boolean => renewAt !== undefined && renewAt <= unixNow();

  return {
    add(source) {
      hosts.forgive();
      take(source);
    },
    pick(avoided) {
      const usable = entries.filter((entry) => entry.isUsable && !isOver(entry) && !isAtGoneHost(entry));
      // While one of them lasts there is no hurry.
      if (usable.every(isDue)) renewal.start(0, entries.some(isAtGoneHost));
      if (usable.length === 0) return { kind: renewal.isUnderWay ? 'wait' : 'none' };
      const atHand = usable.filter((entry) => originsOf(entry).every(hosts.isReady));
      if (atHand.length === 0) return { kind: 'wait' };
      const honest = atHand.filter((entry) => !isLiar(entry));
      const candidates = honest.length > 0 ? honest : atHand;
      const ranged = candidates.filter((entry) => !ignoresRange(entry));
      const able = ranged.length > 0 ? ranged : candidates;
      const lasting = able.filter((entry) => !isDue(entry));
      const best = lasting.length > 0 ? lasting : able;
      const source = best.find((entry) => !originsOf(entry).includes(avoided ?? '')) ?? best[0];
      return source === undefined ? { kind: 'none' } : { kind: 'source', source, mark: hosts.mark };
    },
    toAsk: (entry) => ({ source: entry.resolved ?? entry.source, tags: hosts.etag }),
    answered(entry, { source, headers, where }) {
      entry.resolved = source;
      if (!hosts.sameEntity(source.origin, headers.etag)) {
        throw new UpstreamFailure('http_protocol_error', where, 'the ETag is another than before');
      }
    },
    ignoresRange,
    tellIgnoresRange: (entry) => originsOf(entry).forEach(hosts.tellIgnoresRange),
    brought(entry, bytes) {
      entry.hasAskedAnew = false;
      hosts.brought(originOf(entry), bytes);
      renewal.progressed();
    },
    succeeded: (entry) => hosts.brought(originOf(entry), limits.progressBytes),
    failed(entry, failure, mark) {
      lastFailure = failure;
      const reason = resumeReason(failure);
      const origins = originsOf(entry);
      const isRedirected = entry.resolved !== undefined && entry.resolved !== entry.source;
      entry.resolved = undefined;
      if (reason === undefined || reason === 'expired') {
        // A redirect may lead elsewhere next time: its signature runs out before the ticket does.
        if (isRedirected && !entry.hasAskedAnew) {
          entry.hasAskedAnew = true;
          return reason;
        }
        entry.isUsable = false;
        // The blob is not there, or Berth may not go there: a fresh signature changes nothing.
        if (reason === undefined) entry.canRenew = false;
        return reason;
      }
      const end = hosts.failed(origins, failure, { mark, renewable: renewal.isPossible });
      if (end.kind === 'renew') renewal.start(end.afterMs, true);
      // Nobody is to rest until the end of what never begins.
      if (!renewal.isUnderWay) hosts.endRenewal();
      return reason;
    },
    refused: (entry, failure) => hosts.refused(originsOf(entry), failure),
    get lastFailure() {
      return lastFailure;
    },
    async stop() {
      hosts.stop();
      await renewal.stop();
    },
  };
}
