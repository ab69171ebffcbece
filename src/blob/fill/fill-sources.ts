import type { Digest } from '../../oci/digest.ts';
import type { UpstreamFailure } from '../../upstream/failure.ts';
import type { BlobSource } from '../blob-source.ts';
import type { Quarantine } from './quarantine.ts';

/** One source of a fill and what is known of it. */
export type FillSource = {
  /** As the ticket names it. */
  readonly source: BlobSource;
  /** Where it led to, which spares the redirect next time. */
  resolved: BlobSource | undefined;
  isUsable: boolean;
};

/** The sources that the tickets of a fill's readers brought, whether those readers are still there or not. */
export type FillSources = {
  add(source: BlobSource): void;
  /** The best one now; undefined where none is left. */
  pick(): FillSource | undefined;
  /** It answers a range with everything, and so does every other of its host. */
  ignoresRange(source: FillSource): boolean;
  tellIgnoresRange(source: FillSource): void;
  succeeded(source: FillSource): void;
  failed(source: FillSource, failure: UpstreamFailure): void;
  /** Why the last one went. */
  readonly lastFailure: UpstreamFailure | undefined;
};

/** More add nothing: they are signatures for the same few hosts. */
const MAX_SOURCES = 8;
/** Failures in a row of one host before it is given up: a cut, a kept connection that was closed, and one for bad luck. */
const MAX_FAILURES = 3;

/** A source that refuses this URL, contradicts what is known of the blob, or may not be spoken to: asking again changes nothing. */
function isFinal(failure: UpstreamFailure): boolean {
  if (failure.status !== undefined && failure.status >= 400 && failure.status < 500) return true;
  return ['http_protocol_error', 'redirect_refused', 'address_refused', 'tls_certificate_error'].includes(
    failure.kind,
  );
}

export function createFillSources(digest: Digest, quarantine: Quarantine): FillSources {
  let entries: FillSource[] = [];
  const failures = new Map<string, number>();
  const wholeOnly = new Set<string>();
  let lastFailure: UpstreamFailure | undefined;

  const originOf = (entry: FillSource): string => (entry.resolved ?? entry.source).origin;
  const ignoresRange = (entry: FillSource): boolean =>
    wholeOnly.has(originOf(entry)) || wholeOnly.has(entry.source.origin);
  const isLiar = (entry: FillSource): boolean =>
    quarantine.isLiar(digest, entry.source.origin) || quarantine.isLiar(digest, originOf(entry));

  return {
    add(source) {
      // A new ticket is a new chance for its host.
      failures.delete(source.origin);
      entries = [
        ...entries.filter(({ isUsable }) => isUsable),
        { source, resolved: undefined, isUsable: true },
      ];
      entries = entries.slice(-MAX_SOURCES);
    },
    pick() {
      const usable = entries.filter(({ isUsable }) => isUsable);
      const honest = usable.filter((entry) => !isLiar(entry));
      const candidates = honest.length > 0 ? honest : usable;
      return candidates.find((entry) => !ignoresRange(entry)) ?? candidates[0];
    },
    ignoresRange,
    tellIgnoresRange(entry) {
      wholeOnly.add(entry.source.origin).add(originOf(entry));
    },
    succeeded(entry) {
      failures.delete(originOf(entry));
    },
    failed(entry, failure) {
      lastFailure = failure;
      const origin = originOf(entry);
      // A redirect may lead elsewhere next time: its signature runs out before the ticket does.
      const wasRedirected = entry.resolved !== undefined && entry.resolved !== entry.source;
      entry.resolved = undefined;
      const count = (failures.get(origin) ?? 0) + 1;
      failures.set(origin, count);
      if (isFinal(failure) && !(wasRedirected && count === 1)) entry.isUsable = false;
      if (count < MAX_FAILURES) return;
      for (const other of entries)
        if (other.source.origin === origin || originOf(other) === origin) other.isUsable = false;
      entry.isUsable = false;
    },
    get lastFailure() {
      return lastFailure;
    },
  };
}
