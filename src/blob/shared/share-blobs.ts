import { LRUCache } from 'lru-cache';
import type { BlobStore } from '../../cache/blob-store.ts';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SharedState } from '../../state/shared-state.ts';
import { atMost } from '../../system/at-most.ts';
import type { StateSeal } from '../../ticket/state-seal.ts';
import type { OpenRequest } from '../blob-opener.ts';
import type { BlobSource } from '../blob-source.ts';
import { type SharedClock, SYSTEM_CLOCK } from './shared-clock.ts';
import { createSharedFill, type SharedFill } from './shared-fill.ts';
import { sharedNames } from './shared-names.ts';
import { createSharedSource } from './shared-source.ts';
import { createUploads } from './uploads.ts';

/** The blobs that replicas share in an object store, around each one's own disk and fills. */
export type SharedBlobs = {
  /** The ticket's source, with the store before it. */
  source(request: Pick<OpenRequest, 'digest' | 'scope' | 'source'>): BlobSource;
  /** The disk store as the fills of a scope see it: what they publish is given to the store. */
  storeFor(scope: string): Pick<BlobStore, 'open' | 'openPartial'>;
  /** Blobs of which it is known here who is at them. */
  readonly size: number;
  /** Uploads under way are given up. */
  close(): Promise<void>;
};

export type SharedBlobsDeps = {
  readonly objects: GuardedStore;
  readonly state: SharedState;
  readonly seal: StateSeal;
  readonly store: Pick<BlobStore, 'open' | 'openPartial'>;
  readonly pieceBytes: number;
  readonly metrics: Pick<Metrics, 'sharedReads' | 'sharedUploads' | 'sharedUploadQueue'>;
  /** For tests. */
  readonly clock?: SharedClock | undefined;
  readonly log: { warn(facts: object, message: string): void };
};

/** Blobs of which it is known here who is at them; each takes some 6 KiB. */
const MAX_FILLS = 5_000;
/** Milliseconds without use after which a blob is forgotten: what is known of one at rest is of use for two seconds, and what was wrong is remembered by itself. */
const REST_MS = 10_000;
/** Milliseconds that a blob which was wrong in the store is not taken from there. */
const DISTRUST_MS = 600_000;

export function createSharedBlobs(deps: SharedBlobsDeps): SharedBlobs {
  const { objects, store, pieceBytes, log, clock = SYSTEM_CLOCK } = deps;
  const { now } = clock;
  const closing = new AbortController();
  const fills = new LRUCache<string, { readonly fill: SharedFill; usedAt: number }>({
    ...atMost(MAX_FILLS),
    // One at rest has nothing to close but what somebody may still be reading.
    dispose: ({ fill }, _key, reason) => void (reason === 'evict' && !fill.isAtRest && fill.close()),
  });
  const distrusted = new LRUCache<Digest, number>(atMost(MAX_FILLS));
  const uploads = createUploads({ ...deps, signal: closing.signal });
  const isDistrusted = (digest: Digest): boolean => (distrusted.get(digest) ?? 0) > now();

  function fillOf(scope: string, digest: Digest): SharedFill {
    const key = JSON.stringify([scope, digest]);
    const known = fills.get(key);
    if (known !== undefined) {
      known.usedAt = now();
      return known.fill;
    }
    forgetResting();
    const fill = createSharedFill({
      ...deps,
      names: sharedNames(scope, digest, pieceBytes),
      openStored: () => store.open(digest),
      clock,
    });
    fills.set(key, { fill, usedAt: now() });
    return fill;
  }

  /** Two for each that comes, so that there are not many more than are in use, and nobody waits for it. */
  function forgetResting(): void {
    for (let looks = 0; looks < 2; looks += 1) {
      const key = fills.rkeys().next().value;
      const oldest = key === undefined ? undefined : fills.peek(key);
      if (key === undefined || oldest === undefined || now() - oldest.usedAt < REST_MS) return;
      if (oldest.fill.isAtRest) fills.delete(key);
      // Looked at again when it has come to the end once more.
      else fills.get(key);
    }
  }

  /** Nobody is to meet it again: neither here nor elsewhere. */
  async function distrust(scope: string, digest: Digest): Promise<void> {
    distrusted.set(digest, now() + DISTRUST_MS);
    const fill = fillOf(scope, digest);
    fill.distrust();
    void fill.close();
    fills.delete(JSON.stringify([scope, digest]));
    log.warn(
      { digest, store: objects.origin },
      'a blob that was wrong is removed from the shared blob store',
    );
    await objects.remove(sharedNames(scope, digest, pieceBytes).blob, closing.signal).catch(() => undefined);
  }

  return {
    source({ digest, scope, source }) {
      return createSharedSource(source, {
        origin: objects.origin,
        isUsable: () => !objects.isAway && !closing.signal.aborted && !isDistrusted(digest),
        find: (range, signal) => fillOf(scope, digest).find(range, signal),
      });
    },
    storeFor: (scope) => ({
      open: (digest) => store.open(digest),
      async openPartial(digest, length, of) {
        const partial = await store.openPartial(digest, length, of);
        return (
          partial &&
          fillOf(scope, digest).watch(partial, {
            published: () =>
              uploads.add(digest, sharedNames(scope, digest, pieceBytes).blob, fillOf(scope, digest)),
            wrong: () => void distrust(scope, digest),
          })
        );
      },
    }),
    get size() {
      return fills.size;
    },
    async close() {
      closing.abort(new Error('Berth is stopping'));
      await uploads.close();
      await Promise.all([...fills.values()].map(({ fill }) => fill.close()));
      objects.close();
    },
  };
}
